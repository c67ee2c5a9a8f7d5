from __future__ import annotations

from pathlib import Path

import pytest

from augmill.policies.errors import DataError, PolicyError
from tests.tasks.sources.whole import Whole, policy_of, whole

BOXES = {"xmin": "x0", "ymin": "y0", "xmax": "x1", "ymax": "y1", "label": "what"}


def manifest_of(base: Path, text: str, *files: str, columns: dict | None = None, **more) -> Whole:
    for name in files:
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(b"bytes of " + name.encode())
    (base / "list.csv").write_text(text)
    return whole(base, policy_of("list.csv", format="manifest", columns=columns), **more)


def test_pictures_become_the_column_image_and_other_columns_stay(tmp_path: Path) -> None:
    read = manifest_of(tmp_path, "file,label,age\nb.png,cat,3\nd/a.png,dog,\n", "b.png", "d/a.png")
    assert read.rows == [
        {"image": {"bytes": b"bytes of b.png", "path": "b.png"}, "label": "cat", "age": 3},
        {"image": {"bytes": b"bytes of d/a.png", "path": "d/a.png"}, "label": "dog", "age": None},
    ]
    assert read.places == [("b.png", 0), ("d/a.png", 0)]
    assert read.types == {"image": "payload", "label": "string", "age": "int64"}


def test_files_are_also_looked_for_in_images_and_masks(tmp_path: Path) -> None:
    columns = {"image": "file", "mask": "file"}
    read = manifest_of(tmp_path, "file\n1.png\n", "images/1.png", "masks/1.png", columns=columns)
    assert [row["image"]["path"] for row in read.rows] == ["images/1.png"]
    assert [row["mask"]["bytes"] for row in read.rows] == [b"bytes of masks/1.png"]


def test_one_row_per_box_folds_into_one_sample_per_picture(tmp_path: Path) -> None:
    text = "file,x0,y0,x1,y1,what,width\na.png,0,1,2,3,cell,9\nb.png,5,5,6,6,7,8\na.png,1,1,2,2.5,dot,9\nc.png,,,,,,4\n"
    read = manifest_of(tmp_path, text, "a.png", "b.png", "c.png", columns={"boxes": BOXES})
    assert [row["boxes"] for row in read.rows] == [
        [
            {"xmin": 0.0, "ymin": 1.0, "xmax": 2.0, "ymax": 3.0, "label": "cell"},
            {"xmin": 1.0, "ymin": 1.0, "xmax": 2.0, "ymax": 2.5, "label": "dot"},
        ],
        [{"xmin": 5.0, "ymin": 5.0, "xmax": 6.0, "ymax": 6.0, "label": "7"}],
        [],
    ]
    assert [row["width"] for row in read.rows] == [9, 8, 4]
    assert set(read.types) == {"image", "boxes", "width"}


def test_boxes_may_stand_in_one_json_column(tmp_path: Path) -> None:
    text = (
        'file,objects\na.png,"[[0, 1, 2, 3, ""cell""]]"\n'
        'b.png,"[{""xmin"": 0, ""ymin"": 1, ""xmax"": 2, ""ymax"": 3, ""label"": 4}]"\nc.png,\nd.png,[[1]]\ne.png,{\n'
    )
    files = [f"{name}.png" for name in "abcde"]
    read = manifest_of(tmp_path, text, *files, columns={"boxes": "objects"})
    box = {"xmin": 0.0, "ymin": 1.0, "xmax": 2.0, "ymax": 3.0}
    assert [row["boxes"] for row in read.rows] == [[{**box, "label": "cell"}], [{**box, "label": "4"}], []]
    assert [fault.object_name for fault in read.faults] == ["d.png", "e.png"]


def test_a_box_that_is_none_costs_its_picture_and_says_why(tmp_path: Path) -> None:
    text = "file,x0,y0,x1,y1,what\na.png,0,0,wide,1,cell\nb.png,0,0,nan,1,cell\nc.png,0,0,1,1,\nd.png,0,0,1,1,cell\n"
    read = manifest_of(tmp_path, text, "a.png", "b.png", "c.png", "d.png", columns={"boxes": BOXES})
    assert [row["image"]["path"] for row in read.rows] == ["d.png"]
    assert [fault.reason for fault in read.faults] == [
        "column 'x1': 'wide' is not a number",
        "column 'x1': 'nan' is not a finite number",
        "a box has no label",
    ]


def test_rows_without_a_usable_picture_are_faults_of_the_manifest(tmp_path: Path) -> None:
    text = "file,label\na.png,x\ngone.png,x\n../out.png,x\n/etc/hostname,x\n,x\ntorn\n"
    (tmp_path.parent / "out.png").write_bytes(b"secret")
    read = manifest_of(tmp_path, text, "a.png")
    assert len(read.rows) == 1
    assert read.reasons == [
        (1, "image file 'gone.png' is missing, and not in images/ either"),
        (2, "image file '../out.png' lies outside the manifest's folder"),
        (3, "image file '/etc/hostname' lies outside the manifest's folder"),
        (4, "no image file is named"),
        (5, "expected 2 fields, got 1"),
    ]
    assert {fault.object_name for fault in read.faults} == {"list.csv"}


def test_a_picture_listed_twice_is_two_rows(tmp_path: Path) -> None:
    read = manifest_of(tmp_path, "file,label\na.png,x\nb.png,y\na.png,z\n", "a.png", "b.png")
    assert sorted(read.places) == [("a.png", 0), ("a.png", 1), ("b.png", 0)]


def test_only_the_units_of_changed_lines_and_pictures_change(tmp_path: Path) -> None:
    names = [f"{i:03d}.png" for i in range(300)]
    text = "file,label\n" + "".join(f"{name},x\n" for name in names)
    before = manifest_of(tmp_path, text, *names, unit_bytes=2**18)
    keys = {str(unit.key()) for unit in before.units[1:]}
    assert len(keys) > 10
    relabelled = manifest_of(tmp_path, text.replace("150.png,x", "150.png,y"), unit_bytes=2**18)
    assert len({str(unit.key()) for unit in relabelled.units[1:]} - keys) == 1
    (tmp_path / "200.png").write_bytes(b"another picture")
    redrawn = whole(tmp_path, policy_of("list.csv", format="manifest"), unit_bytes=2**18)
    assert len({str(unit.key()) for unit in redrawn.units[1:]} - keys) == 2


def test_a_column_that_is_not_there_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no column 'file'; did you mean 'files'") as error:
        manifest_of(tmp_path, "files,label\na.png,x\n", "a.png")
    assert "files, label" in error.value.remedy


def test_a_column_that_would_be_hidden_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="has a column 'image'"):
        manifest_of(tmp_path, "file,image\na.png,x\n", "a.png")


def test_a_picture_that_changes_after_the_listing_is_refused(tmp_path: Path) -> None:
    from augmill.tasks.sources.source_reader import discover, read, scan, types_of, units

    manifest_of(tmp_path, "file,label\na.png,x\n", "a.png")
    policy = policy_of("list.csv", format="manifest")
    work = units(discover(policy, tmp_path), policy, 2**20)
    types = types_of([scan(unit, policy) for unit in work])
    (tmp_path / "a.png").write_bytes(b"other")
    with pytest.raises(DataError, match=r"a\.png changed"):
        list(read(work[1], types, policy, 10, 2**20))


def test_blood_cells_from_the_shared_data(shared_data: Path) -> None:
    folder = shared_data / "bccd_blood_cells"
    boxes = {"xmin": "xmin", "ymin": "ymin", "xmax": "xmax", "ymax": "ymax", "label": "class"}
    read = whole(folder, policy_of("boxes.csv", columns={"boxes": boxes}))
    assert len(read.rows) == 290
    assert read.faults == []
    labels = [box["label"] for row in read.rows for box in row["boxes"]]
    assert {name: labels.count(name) for name in set(labels)} == {"WBC": 293, "RBC": 3366, "Platelets": 289}
    assert all(row["image"]["bytes"].startswith(b"\xff\xd8") for row in read.rows)
