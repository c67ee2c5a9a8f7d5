from __future__ import annotations

from pathlib import Path

import pytest

from augmill.policies.errors import DataError
from augmill.tasks.rows.provenance import SPLIT
from tests.tasks.sources.whole import policy_of, whole


def put(base: Path, *names: str) -> None:
    for name in names:
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(b"bytes of " + name.encode())


def test_the_folder_is_the_label(tmp_path: Path) -> None:
    put(tmp_path, "cat/1.png", "dog/deep/2.JPG", "cat/a b.jpeg")
    read = whole(tmp_path, policy_of("."))
    assert read.found.format == "image_folder"
    assert read.rows == [
        {"image": {"bytes": b"bytes of cat/1.png", "path": "cat/1.png"}, "label": "cat"},
        {"image": {"bytes": b"bytes of cat/a b.jpeg", "path": "cat/a b.jpeg"}, "label": "cat"},
        {"image": {"bytes": b"bytes of dog/deep/2.JPG", "path": "dog/deep/2.JPG"}, "label": "dog"},
    ]
    assert read.places == [("cat/1.png", 0), ("cat/a b.jpeg", 0), ("dog/deep/2.JPG", 0)]
    assert read.table[SPLIT].to_pylist() == [None, None, None]


def test_folders_named_after_splits_are_splits(tmp_path: Path) -> None:
    put(tmp_path, "train/cat/1.png", "val/cat/2.png", "test/dog/3.png")
    read = whole(tmp_path, policy_of("."))
    assert sorted(zip(read.table[SPLIT].to_pylist(), [row["label"] for row in read.rows], strict=True)) == [
        ("test", "dog"),
        ("train", "cat"),
        ("validation", "cat"),
    ]


def test_a_class_called_test_beside_others_is_a_class(tmp_path: Path) -> None:
    put(tmp_path, "test/1.png", "bus/2.png")
    read = whole(tmp_path, policy_of("."))
    assert [row["label"] for row in read.rows] == ["bus", "test"]
    assert read.table[SPLIT].null_count == 2


def test_hidden_and_system_files_and_other_kinds_are_skipped(tmp_path: Path) -> None:
    put(tmp_path, "cat/1.png", "cat/.DS_Store", "cat/Thumbs.db", ".git/2.png", "cat/_old.png", "README.md", "cat/n.txt")
    assert [row["image"]["path"] for row in whole(tmp_path, policy_of(".")).rows] == ["cat/1.png"]
    assert [row["image"]["path"] for row in whole(tmp_path, policy_of("**", format="image_folder")).rows] == [
        "cat/1.png"
    ]


def test_a_picture_in_no_folder_has_no_label(tmp_path: Path) -> None:
    put(tmp_path, "cat/1.png", "stray.png")
    assert [row["label"] for row in whole(tmp_path, policy_of(".")).rows] == ["cat", None]


def test_the_label_column_is_called_as_the_policy_says(tmp_path: Path) -> None:
    put(tmp_path, "cat/1.png")
    assert whole(tmp_path, policy_of(".", label="kind")).rows[0]["kind"] == "cat"


def test_folders_given_per_split_keep_their_labels(tmp_path: Path) -> None:
    put(tmp_path, "a/cat/1.png", "b/dog/1.png")
    read = whole(tmp_path, policy_of({"train": "a", "test": "b"}))
    assert read.table[SPLIT].to_pylist() == ["test", "train"]
    assert [row["label"] for row in read.rows] == ["dog", "cat"]
    assert read.places == [("test/dog/1.png", 0), ("train/cat/1.png", 0)]


@pytest.mark.parametrize("shard_rows", [1, 7, 1000])
def test_rows_do_not_depend_on_shards_or_units(tmp_path: Path, shard_rows: int) -> None:
    put(tmp_path, *(f"{i % 3}/{i:03d}.png" for i in range(150)))
    at_once = whole(tmp_path, policy_of("."))
    read = whole(tmp_path, policy_of("."), shard_rows=shard_rows, unit_bytes=2**18)
    assert len(read.units) > 5
    assert read.table.equals(at_once.table)


def test_one_more_picture_changes_few_units(tmp_path: Path) -> None:
    put(tmp_path, *(f"{i % 3}/{i:03d}.png" for i in range(300)))
    before = {str(unit.key()) for unit in whole(tmp_path, policy_of("."), unit_bytes=2**18).units}
    put(tmp_path, "1/100x.png")
    after = {str(unit.key()) for unit in whole(tmp_path, policy_of("."), unit_bytes=2**18).units}
    assert len(after) > 10
    assert 1 <= len(after - before) <= 2


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "cat/readme.txt")
    with pytest.raises(DataError, match="holds no image_folder file"):
        whole(tmp_path, policy_of(".", format="image_folder"))


def test_pictures_of_formats_that_are_not_read_are_rows_too_and_other_files_are_counted(tmp_path: Path) -> None:
    put(tmp_path, "cat/1.png", "dog/2.gif", "dog/3.HEIC", "logo.svg", "cat/n.txt", "README", "cat/.DS_Store")
    read = whole(tmp_path, policy_of("."))
    assert [(row["image"]["path"], row["label"]) for row in read.rows] == [
        ("cat/1.png", "cat"),
        ("dog/2.gif", "dog"),
        ("dog/3.HEIC", "dog"),
    ]
    assert read.found.ignored == ("README", "cat/n.txt", "logo.svg")
    assert "3 files ignored" in read.found.ignored_summary
