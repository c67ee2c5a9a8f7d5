"""Versions as readers see them: augmill itself, deltalake, Polars, DuckDB and pandas, on a folder and on S3."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from augmill.policies.errors import DataError, PolicyError, StorageError
from augmill.tasks.rows.provenance import ORIGIN, SPLIT
from augmill.tasks.storage.delta import Conflict, Table
from augmill.tasks.storage.store import Store
from tests.tasks.storage.small_tables import BASE, data_file, full, publish, read, rows

WIDE = pa.schema([*BASE, pa.field("z", pa.list_(pa.float64()))])


@pytest.fixture
def table(store: Store) -> Table:
    return Table(store.sub("oil-spill"))


def published(table: Table) -> Table:
    """Version 0: two training rows and a test row. Version 1: the training rows replaced, a child added."""
    first, test = data_file(table, "a", rows("r1", "r2")), data_file(table, "t", rows("t1"), split="test")
    publish(table, None, [first, test], run="first")
    new, child = data_file(table, "b", rows("r3")), data_file(table, "c", rows("r3/1"), origin="augmented")
    publish(table, 0, [new, child], [first.path], run="second")
    return table


def test_a_table_that_is_not_there_has_no_version(table: Table) -> None:
    table.store.sub("_delta_log").write("README", b"not a commit")
    assert table.current() is None
    assert table.versions() == []
    assert table.history() == []
    with pytest.raises(PolicyError, match="no version 0"):
        table.snapshot(0)


def test_every_version_stays_as_it_was_published(table: Table) -> None:
    published(table)
    assert [row["id"] for row in read(table, 0)] == ["t1", "r1", "r2"]
    assert [row["id"] for row in read(table, 1)] == ["t1", "r3/1", "r3"]
    current = table.current()
    assert current == table.snapshot(1)
    assert (current.version, current.rows, current.metadata) == (1, 3, {"run_id": "second"})
    assert [(file.partition[SPLIT], file.partition[ORIGIN], file.rows) for file in current.files] == [
        ("test", "real", 1),
        ("train", "augmented", 1),
        ("train", "real", 1),
    ]
    assert all(file.bytes == table.store.size(file.path) for file in current.files)


def test_reading_fills_in_partitions_and_selects(table: Table) -> None:
    published(table)
    assert read(table, 1, split="train", origin="augmented") == [
        {"id": "r3/1", "x": 4, SPLIT: "train", ORIGIN: "augmented"}
    ]
    assert read(table, 1, columns=[ORIGIN, "id"], split="test") == [{ORIGIN: "real", "id": "t1"}]
    assert read(table, 1, columns=[SPLIT], origin="real") == [{SPLIT: "test"}, {SPLIT: "train"}]
    with pytest.raises(DataError, match="no column 'nope'"):
        read(table, 1, columns=["nope"])


def test_partition_columns_are_not_stored_in_the_files(table: Table) -> None:
    published(table)
    assert table.store.schema(table.current().files[0].path).names == ["id", "x"]


def test_history_says_who_published_what(table: Table) -> None:
    published(table)
    second, first = table.history()
    assert (second.version, second.metadata, first.version, first.metadata) == (
        1,
        {"run_id": "second"},
        0,
        {"run_id": "first"},
    )
    assert (len(second.added), len(second.removed), len(first.added)) == (2, 1, 2)
    assert second.at_ms >= first.at_ms > 1_700_000_000_000


def test_a_new_column_comes_in_the_same_commit_as_the_rows(table: Table) -> None:
    old = [data_file(table, "a", rows("r1")), data_file(table, "b", rows("r2"))]
    publish(table, None, old)
    wide = data_file(table, "c", rows("r3", z=[[0.5]]))
    assert publish(table, 0, [wide], [old[0].path], WIDE) == 1
    assert table.versions() == [0, 1]
    assert table.snapshot(0).schema == full(BASE)
    assert {row["id"]: row["z"] for row in read(table, 1)} == {"r2": None, "r3": [0.5]}


def test_after_widening_the_engine_publishes_on(table: Table) -> None:
    publish(table, None, [data_file(table, "a", rows("r1"))])
    publish(table, 0, [data_file(table, "b", rows("r2", z=[[1.0]]))], schema=WIDE)
    publish(table, 1, [data_file(table, "c", rows("r3"))], schema=BASE)
    engine = DeltaTable(table.store.uri, storage_options=table.store.delta_options())
    assert (engine.version(), engine.count()) == (2, 3)
    engine.create_checkpoint()
    assert {row["id"]: row["z"] for row in read(table, 2)} == {"r1": None, "r2": [1.0], "r3": None}
    assert publish(table, 2, [], [data_file(table, "c", rows("r3")).path], schema=BASE) == 3
    assert table.current().rows == 2


def test_a_changed_type_is_refused_while_older_files_stay(table: Table) -> None:
    old = data_file(table, "a", rows("r1"))
    publish(table, None, [old])
    floats = pa.schema([BASE.field("id"), pa.field("x", pa.float64())])
    new = data_file(table, "b", pa.table({"id": ["r2"], "x": [0.5]}))
    with pytest.raises(DataError, match="column 'x' was long and is now double"):
        publish(table, 0, [new], schema=floats)
    assert table.versions() == [0]
    assert publish(table, 0, [new], [old.path], schema=floats) == 1
    assert [row["x"] for row in read(table, 1)] == [0.5]
    assert [row["x"] for row in read(table, 0)] == [2]


def test_a_version_made_of_new_files_only_forgets_a_column_that_is_gone(table: Table) -> None:
    old = data_file(table, "a", rows("r1", z=[[1.0]]))
    publish(table, None, [old], schema=WIDE)
    publish(table, 0, [data_file(table, "b", rows("r2"))], [old.path], schema=BASE)
    assert table.current().schema == full(BASE)


def test_a_missing_or_altered_file_is_never_committed(table: Table) -> None:
    good, gone = data_file(table, "good", rows("r1")), data_file(table, "gone", rows("r2"))
    altered = data_file(table, "altered", rows("r3"))
    table.store.delete(gone.path)
    flipped = bytearray(table.store.read(altered.path))
    flipped[10] ^= 1
    table.store.write(altered.path, bytes(flipped))
    for bad, words in ((gone, "the file is gone"), (altered, "its bytes are not those written")):
        with pytest.raises(StorageError, match=words) as caught:
            publish(table, None, [good, bad])
        assert bad.path in caught.value.cause
    assert table.current() is None


def test_a_publisher_who_planned_on_another_version_is_told(table: Table) -> None:
    published(table)
    late = data_file(table, "late", rows("r9"))
    for expected in (None, 0, 7):
        with pytest.raises(Conflict) as caught:
            publish(table, expected, [late])
        assert caught.value.transient
        assert "at version 1 now" in caught.value.cause
    assert table.versions() == [0, 1]


def test_nobody_expires_an_old_version_by_default(table: Table) -> None:
    published(table)
    engine = DeltaTable(table.store.uri, storage_options=table.store.delta_options())
    assert engine.vacuum(dry_run=False) == []
    engine.create_checkpoint()
    engine.cleanup_metadata()
    assert [row["id"] for row in read(table, 0)] == ["t1", "r1", "r2"]
    assert table.versions() == [0, 1]


def test_a_hundred_versions_and_a_checkpoint_by_the_engine_break_nothing(tmp_path: Path) -> None:
    table = Table(Store(str(tmp_path)))
    file = data_file(table, "0", rows("r0"))
    publish(table, None, [file])
    for version in range(105):
        new = data_file(table, str(version + 1), rows(f"r{version + 1}"))
        assert publish(table, version, [new], [file.path]) == version + 1
        file = new
    names = [entry.name for entry in table.store.list("_delta_log/")]
    assert any("checkpoint.parquet" in name for name in names)
    assert [row["id"] for version in (0, 50, 99, 100, 105) for row in read(table, version)] == [
        "r0",
        "r50",
        "r99",
        "r100",
        "r105",
    ]
    publish(table, 105, [data_file(table, "wide", rows("wide", z=[[1.0]]))], schema=WIDE)
    assert [row["z"] for row in read(table, 106)] == [None, [1.0]]


def test_polars_pandas_and_duckdb_read_every_version(table: Table) -> None:
    published(table)
    publish(table, 1, [data_file(table, "w", rows("r4", z=[[0.5]]))], schema=WIDE, run="third")
    options = table.store.delta_options()
    for version, ids in ((0, ["r1", "r2", "t1"]), (1, ["r3", "r3/1", "t1"]), (2, ["r3", "r3/1", "r4", "t1"])):
        frame = pl.scan_delta(table.store.uri, version=version, storage_options=options).sort("id").collect()
        assert frame["id"].to_list() == ids
        batches = table.read(version)
        assert sorted(pa.Table.from_batches(batches).to_pandas()["id"]) == ids
        if not table.store.is_s3:  # DuckDB reaches S3 by an extension that it would have to download
            query = "SELECT id FROM read_parquet($files, hive_partitioning=true, union_by_name=true) ORDER BY id"
            found = duckdb.sql(query, params={"files": table.file_uris(version)}).fetchall()
            assert [row[0] for row in found] == ids
            frames = [pd.read_parquet(uri) for uri in table.file_uris(version)]
            assert sorted(pd.concat(frames)["id"]) == ids
    wide = pl.scan_delta(table.store.uri, storage_options=options).filter(pl.col("id") == "r4").collect()
    assert wide["z"].to_list() == [[0.5]]


def test_a_percent_escape_in_the_path_is_refused_because_the_engine_reads_it_as_another_folder(store: Store) -> None:
    with pytest.raises(PolicyError, match="percent escape"):
        Table(store.sub("a%20b"))
