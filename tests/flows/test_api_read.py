"""What `augmill.read`, `resolve`, `versions` and `explain` answer of a lake, in a folder and on S3."""

from __future__ import annotations

import errno
import json
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import augmill
from augmill.flows.cli import main
from augmill.policies.errors import DataError, PolicyError, StorageError
from augmill.tasks.rows.provenance import NAMES, ORIGIN, SAMPLE_ID, SPLIT
from augmill.tasks.storage import tombstones
from augmill.tasks.storage.store import Store
from augmill.tasks.versions.pinning import pin
from augmill.tasks.versions.promotion import promote
from augmill.tasks.versions.vacuum import vacuum
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import (
    DATASET,
    GOOD,
    NOISE,
    PICTURES,
    SMOTE,
    go,
    picture_policy,
    policy,
    rows,
    table_of,
    table_rows,
    write_csv,
    write_digits,
)

WHEN = {"at_ms": 7, "run_id": "test"}
POSED = """
  - name: posed
    transforms: [{use: image.rotate, params: {angle_degrees_range: [-5.0, 5.0]}, invariance: nobody writes straight}]
    amount: {copies: 1}
"""


def lines_with_gaps(start: int, count: int) -> list[str]:
    """Rows with whole numbers and booleans that are missing here and there."""
    lines = [f"{line},{('true', 'false')[number % 2]}" for number, line in enumerate(table_rows(start, count))]
    lines[0], lines[1] = "2.125,1.5,,pale,hay,true", "2.25,1.75,7,dark,hay,"
    return lines


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A lake with three versions of a table, the last with more rows, one channel, and a data set of pictures."""
    folder = tmp_path_factory.mktemp("api")
    header = "width,height,grains,colour,kind,dry"
    for number in range(3):
        write_csv(folder / "data.csv", lines_with_gaps(0, 90 + 10 * number), header)
        go(policy(folder, "data.csv", NOISE, ignore="[colour, dry]"), folder / "lake")
    lake = Lake(Store(str(folder / "lake")))
    promote(lake, lake.find(f"{DATASET}@1"), "stable", **WHEN)
    (folder / "pictures").mkdir()
    write_digits(folder / "pictures" / "digits", (0, 1), 20)
    go(picture_policy(folder / "pictures", "digits", POSED), folder / "lake")
    return folder


@pytest.fixture(scope="module")
def lake(folder):
    return folder / "lake"


def arrow(lake, name=DATASET, **more):
    return augmill.read(name, lake=lake, format="arrow", **more)


def command(capsys, *args):
    """The JSON document of a command and its exit code."""
    capsys.readouterr()
    code = main([*map(str, args), "--json"])
    return json.loads(capsys.readouterr().out), code


# Read: formats


@pytest.mark.parametrize("name", [DATASET, PICTURES])
def test_all_formats_hold_the_same_rows_in_the_same_order_with_the_same_types(lake, name):
    table = arrow(lake, name)
    assert table.to_pylist() == [
        row for batch in table_of(lake, name).read(table_of(lake, name).versions()[-1]) for row in batch.to_pylist()
    ]
    frame = augmill.read(name, lake=lake)
    assert list(frame.columns) == table.column_names
    assert pa.Table.from_pandas(frame, preserve_index=False).cast(table.schema).equals(table)
    polars = augmill.read(name, lake=lake, format="polars")
    assert isinstance(polars, pl.DataFrame)
    assert polars.to_arrow().cast(table.schema).equals(table)


def test_pandas_has_the_types_that_the_page_tells_of(lake):
    frame = augmill.read(DATASET, lake=lake)
    assert {name: str(kind) for name, kind in frame.dtypes.items() if name not in NAMES} == {
        "width": "float64",
        "height": "float64",
        "grains": "Int64",
        "colour": "str",
        "kind": "str",
        "dry": "boolean",
    }
    assert frame["grains"].isna().sum() >= 1
    assert (str(frame["augmill_seed"].dtype), str(frame["augmill_depth"].dtype)) == ("Int64", "int32")
    complete = augmill.read(DATASET, lake=lake, origin="real").dropna(subset=["grains", "dry"])
    part = arrow(lake, split="validation")
    assert len(complete) < 110
    assert (part["grains"].null_count, part["dry"].null_count) == (0, 0)
    part = augmill.read(DATASET, lake=lake, split="validation")
    assert (str(part["grains"].dtype), str(part["dry"].dtype)) == ("int64", "bool")


def test_a_large_whole_number_beside_a_gap_is_not_rounded(lake):
    seeds = augmill.read(DATASET, lake=lake, columns="augmill_seed")["augmill_seed"]
    exact = [row["augmill_seed"] for row in arrow(lake, columns="augmill_seed").to_pylist()]
    assert [None if pd.isna(seed) else int(seed) for seed in seeds] == exact
    assert max(seed for seed in exact if seed) > 2**53


def test_pictures_are_bytes_with_their_path(lake):
    field = arrow(lake, PICTURES).schema.field("image")
    assert field.type == pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    value = augmill.read(PICTURES, lake=lake, origin="real")["image"].iloc[0]
    assert value["bytes"].startswith(b"\x89PNG")


def test_what_is_read_may_be_written_to(lake):
    frame = augmill.read(DATASET, lake=lake, split="test", columns=["width", "augmill_depth", "kind"])
    frame.loc[0, "width"], frame.loc[0, "augmill_depth"], frame.loc[0, "kind"] = 1.5, 9, "reed"
    assert frame.loc[0].tolist() == [1.5, 9, "reed"]


def test_polars_that_is_not_installed_is_asked_for_before_anything_is_read(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(PolicyError, match="needs the package polars, which is not installed") as fault:
        augmill.read("nothing", lake="nowhere", format="polars")
    assert "pip install polars" in fault.value.remedy


# Read: which version, which rows


def ids(table):
    return table[SAMPLE_ID].to_pylist()


def test_the_newest_version_is_read_unless_another_is_named(lake):
    sizes = [sum(row[ORIGIN] == "real" for row in rows(lake, number)) for number in range(3)]
    assert sizes == [90, 100, 110]
    assert arrow(lake).equals(arrow(lake, f"{DATASET}@2"))
    assert arrow(lake, version=0).equals(arrow(lake, f"{DATASET}@0"))
    assert len(arrow(lake, version=0, origin="real")) == 90
    assert arrow(lake, channel="stable").equals(arrow(lake, f"{DATASET}@stable"))
    assert len(arrow(lake, channel="stable", origin="real")) == 100


def test_rows_stand_by_split_origin_and_file_and_in_each_by_id(lake):
    table = arrow(lake)
    files = [(file.path, file.rows) for file in table_of(lake).snapshot(2).files]
    assert files == sorted(files)
    at = 0
    for path, count in files:
        part = table.slice(at, count)
        assert ids(part) == sorted(ids(part))
        assert path.startswith(f"{SPLIT}={part[SPLIT][0]}/{ORIGIN}={part[ORIGIN][0]}/")
        at += count
    assert at == len(table)


@pytest.mark.parametrize("names", ["train", ["validation", "train"], ("test",), {"test", "train"}])
def test_a_split_or_several_are_read_in_the_order_of_the_table(lake, names):
    chosen = {names} if isinstance(names, str) else {*names}
    expected = [row[SAMPLE_ID] for row in arrow(lake).to_pylist() if row[SPLIT] in chosen]
    assert ids(arrow(lake, split=names)) == expected


def test_an_origin_or_several_are_read_and_one_without_rows_is_empty(lake):
    everything = arrow(lake).to_pylist()
    assert ids(arrow(lake, origin="augmented")) == [row[SAMPLE_ID] for row in everything if row[ORIGIN] == "augmented"]
    assert ids(arrow(lake, origin=["real", "augmented"])) == [row[SAMPLE_ID] for row in everything]
    assert augmill.read(DATASET, lake=lake, origin="synthetic").shape == (0, arrow(lake).num_columns)
    assert ids(arrow(lake, split="train", origin="real")) == [
        row[SAMPLE_ID] for row in everything if (row[SPLIT], row[ORIGIN]) == ("train", "real")
    ]


def test_a_split_without_a_row_is_refused(tmp_path):
    write_csv(tmp_path / "data.csv", GOOD)
    go(policy(tmp_path, "data.csv", NOISE, split="{fractions: {train: 0.8, validation: 0.2}}"), tmp_path / "lake")
    with pytest.raises(
        PolicyError, match=r"made@0 has no row in split test\.\n  remedy: Its splits: train, validation\."
    ):
        arrow(tmp_path / "lake", split=["train", "test"])


def test_columns_come_as_they_are_named_and_provenance_may_be_left_out(lake):
    assert arrow(lake, columns=["kind", SPLIT, "width"]).column_names == ["kind", SPLIT, "width"]
    assert arrow(lake, columns="kind").column_names == ["kind"]
    assert arrow(lake, provenance=False).column_names == ["width", "height", "grains", "colour", "kind", "dry"]
    assert arrow(lake, columns=["kind", SAMPLE_ID], provenance=False).column_names == ["kind", SAMPLE_ID]
    assert set(NAMES) <= set(arrow(lake).column_names)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"name": "maed"}, ["there is no dataset 'maed'", f"Published datasets: {DATASET}, {PICTURES}"]),
        ({"name": f"{DATASET}@"}, ["names no version"]),
        ({"name": f"{DATASET}@9"}, ["has no version 9", "0 to 2"]),
        ({"version": 9}, ["has no version 9", "0 to 2"]),
        ({"version": -1}, ["version must be a whole number of at least 0; it is -1"]),
        ({"version": "1"}, ["version must be a whole number", "'1'"]),
        ({"version": True}, ["version must be a whole number", "True"]),
        ({"channel": "canary"}, ["has no channel 'canary'", "Its channels: stable"]),
        ({"channel": "1"}, ["channel must be a name; it is '1'"]),
        ({"version": 1, "channel": "stable"}, ["one version can be read at a time", "version=1, channel='stable'"]),
        ({"name": f"{DATASET}@1", "version": 1}, ["one version can be read at a time", f"'{DATASET}@1', version=1"]),
        ({"name": f"{DATASET}@1", "channel": "stable"}, ["one version can be read at a time"]),
        ({"split": "trian"}, ["there is no split 'trian'", "Did you mean train?"]),
        ({"split": ["train", "dev"]}, ["there is no split 'dev'", "train, validation"]),
        ({"split": []}, ["split names nothing to read"]),
        ({"origin": "synthetc"}, ["there is no origin 'synthetc'", "Did you mean synthetic?"]),
        ({"columns": ["width", "heigth"]}, ["made@2 has no column 'heigth'", "Did you mean height?"]),
        ({"columns": ["width", "width"]}, ["columns names 'width' twice"]),
        ({"columns": []}, ["columns names nothing to read"]),
        ({"format": "pyarrow"}, ["there is no format 'pyarrow'", "Did you mean arrow?"]),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused_with_what_there_is(lake, call, words):
    with pytest.raises(PolicyError) as fault:
        augmill.read(**{"name": DATASET, "lake": lake, **call})
    for word in words:
        assert word in str(fault.value)


def test_a_version_that_is_gone_is_refused_in_the_words_of_the_command(folder, tmp_path, monkeypatch, capsys):
    write_csv(tmp_path / "data.csv", GOOD)
    for count in (60, 100):
        write_csv(tmp_path / "data.csv", GOOD[:count])
        go(policy(tmp_path, "data.csv", NOISE), tmp_path / "lake")
    monkeypatch.setenv("AUGMILL_LAKE", str(tmp_path / "lake"))
    place = Lake(Store(str(tmp_path / "lake")))
    stale = place.find(f"{DATASET}@0")
    pin(place, place.find(f"{DATASET}@1"), "the paper", at_ms=7, by="test")
    vacuum(place, DATASET, 0.0, at_ms=7, by="test")
    capsys.readouterr()
    assert main(["resolve", f"{DATASET}@0"]) == 3
    expected = capsys.readouterr().err.strip()
    for call in (augmill.read, augmill.resolve, lambda name: augmill.explain(name, "0" * 32)):
        with pytest.raises(DataError) as fault:
            call(f"{DATASET}@0")
        assert str(fault.value) == expected
    old, new = augmill.versions(DATASET)
    assert (old.removed, old.readable, old.pinned) == ("vacuumed", False, False)
    assert (new.removed, new.readable, new.pinned) == (None, True, True)
    # The same where vacuum comes between the look and the read.
    monkeypatch.setattr(Lake, "readable", lambda self, name: stale)
    with pytest.raises(DataError) as fault:
        augmill.read(f"{DATASET}@0")
    assert str(fault.value) == expected


def test_a_version_that_is_being_removed_is_refused_while_its_files_are_in_place(tmp_path):
    write_csv(tmp_path / "data.csv", GOOD)
    go(policy(tmp_path, "data.csv", NOISE), tmp_path / "lake")
    objects = Lake(Store(str(tmp_path / "lake"))).objects(DATASET)
    tombstones.mark(objects.sub("gone"), tombstones.Gone(0, tombstones.PURGED, 7, "test"))
    with pytest.raises(DataError, match="made@0 is gone: its files held rows that were to be forgotten"):
        arrow(tmp_path / "lake")
    with pytest.raises(DataError, match="made@0 is gone"):
        augmill.resolve(DATASET, lake=tmp_path / "lake")
    assert [info.removed for info in augmill.versions(lake=tmp_path / "lake")] == ["purged"]


# Where the lake is


def test_the_lake_is_that_of_the_settings_unless_one_is_passed(lake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError, match="there is no dataset"):
        augmill.read(DATASET)
    assert augmill.versions() == []
    expected = arrow(str(lake))
    assert arrow(lake).equals(expected)
    monkeypatch.setenv("AUGMILL_LAKE", str(lake))
    assert arrow(None).equals(expected)
    monkeypatch.delenv("AUGMILL_LAKE")
    monkeypatch.setenv("AUGMILL_HOME", str(lake.parent))
    assert arrow(None).equals(expected)


@pytest.mark.s3
def test_a_bucket_is_read_as_a_folder_is(s3, tmp_path, monkeypatch):
    write_csv(tmp_path / "data.csv", GOOD)
    for place in (s3.uri, tmp_path / "lake"):
        go(policy(tmp_path, "data.csv", SMOTE + NOISE), place)
    expected = arrow(tmp_path / "lake")
    assert arrow(s3.uri).equals(expected)
    assert arrow(s3.uri, split="train", columns=["kind"]).equals(
        arrow(tmp_path / "lake", split="train", columns=["kind"])
    )
    resolved = augmill.resolve(DATASET, lake=s3.uri)
    assert resolved.table_uri == f"{s3.uri}/{DATASET}"
    assert all(file.startswith(f"{s3.uri}/{DATASET}/{SPLIT}=") for file in resolved.files)
    assert [each.rows for each in augmill.versions(lake=s3.uri)] == [
        each.rows for each in augmill.versions(lake=tmp_path / "lake")
    ]
    sample_id = ids(arrow(s3.uri, origin="synthetic"))[0]
    assert augmill.explain(DATASET, sample_id, lake=s3.uri)["step"]["name"] == "between"


def test_a_machine_that_fails_is_told_in_the_words_of_the_command(monkeypatch, tmp_path):
    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error", "disk")

    monkeypatch.setattr("augmill.flows.api.read.open_lake", refuse)
    with pytest.raises(StorageError, match=r"The machine refused: .*Input/output error"):
        augmill.read(DATASET, lake=tmp_path)


# Resolve, versions, explain


def test_resolve_answers_as_the_command_does_and_names_files_to_read(lake, monkeypatch, capsys):
    monkeypatch.setenv("AUGMILL_LAKE", str(lake))
    for name, number, channel in ((DATASET, 2, None), (f"{DATASET}@0", 0, None), (f"{DATASET}@stable", 1, "stable")):
        resolved = augmill.resolve(name)
        assert (resolved.version, resolved.channel) == (number, channel)
        document, _ = command(capsys, "resolve", name)
        assert {key: getattr(resolved, key) for key in document} == document
        assert sum(pq.ParquetFile(file).metadata.num_rows for file in resolved.files) == len(arrow(lake, name))
    assert augmill.resolve(DATASET, channel="stable") == augmill.resolve(f"{DATASET}@stable")
    assert augmill.resolve(DATASET, version=0) == augmill.resolve(f"{DATASET}@0")
    with pytest.raises(PolicyError, match="one version can be read at a time"):
        augmill.resolve(f"{DATASET}@0", version=0)


def test_versions_lists_all_that_was_published_as_the_command_counts_it(lake, monkeypatch, capsys):
    monkeypatch.setenv("AUGMILL_LAKE", str(lake))
    infos = augmill.versions()
    assert [(info.dataset, info.version) for info in infos] == [
        *((DATASET, number) for number in range(3)),
        (PICTURES, 0),
    ]
    assert [info for info in infos if info.dataset == DATASET] == augmill.versions(DATASET)
    assert [info.channels for info in infos] == [(), ("stable",), (), ()]
    for info in infos:
        table = rows(lake, info.version, info.dataset)
        assert info.rows == {
            each: sum(row[ORIGIN] == each for row in table) for each in ("real", "augmented", "synthetic")
        }
        assert datetime.now(UTC) - info.published_at < timedelta(hours=1)
        assert (info.readable, info.pinned) == (True, False)
    latest = {info.dataset: info for info in infos}
    for row in command(capsys, "list")[0]["datasets"]:
        assert (row["version"], row["rows"]) == (
            latest[row["dataset"]].version,
            sum(latest[row["dataset"]].rows.values()),
        )
        channels = {name: info.version for info in infos if info.dataset == row["dataset"] for name in info.channels}
        assert row["channels"] == channels


def test_versions_of_what_is_not_there_are_refused(lake):
    with pytest.raises(PolicyError, match="there is no dataset 'maed'"):
        augmill.versions("maed", lake=lake)
    with pytest.raises(PolicyError, match="takes the name of a dataset; it is 'made@1'"):
        augmill.versions("made@1", lake=lake)


def test_explain_answers_as_the_command_does(lake, monkeypatch, capsys):
    monkeypatch.setenv("AUGMILL_LAKE", str(lake))
    for name, origin in ((DATASET, "augmented"), (f"{DATASET}@stable", "real"), (PICTURES, "augmented")):
        sample_id = ids(arrow(None, name, origin=origin))[0]
        document = augmill.explain(name, sample_id)
        assert json.loads(json.dumps(document, default=str)) == command(capsys, "explain", name, sample_id)[0]
        assert document["origin"] == origin
    with pytest.raises(PolicyError, match=f"no row {'0' * 32}"):
        augmill.explain(DATASET, "0" * 32)
