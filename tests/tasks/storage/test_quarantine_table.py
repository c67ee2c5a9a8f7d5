"""Refused rows are kept once per shard, with their reasons."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa

from augmill.tasks.storage import quarantine_table
from augmill.tasks.storage.store import Store

ROOT = Path(__file__).resolve().parents[3]
ROWS = pa.table(
    {
        "stage": ["validate", "verify"],
        "object": ["a.csv", "a.csv"],
        "row": [3, 9],
        "reasons": [["label is missing", "x is out of range"], ["label is missing"]],
        "content": ['{"x": 1}', '{"x": 2}'],
    }
)
APPENDER = """
import sys
import pyarrow as pa
from augmill.tasks.storage import quarantine_table
from augmill.tasks.storage.store import Store
from tests.tasks.storage.test_quarantine_table import ROWS
for n in range(6):
    quarantine_table.append(Store(sys.argv[1]), f"{sys.argv[2]}-{n}", ROWS, {"run_id": f"{sys.argv[2]}-{n}"}, at_ms=1)
"""


def append(store: Store, shard: str, rows: pa.Table = ROWS) -> int | None:
    return quarantine_table.append(store, shard, rows, {"run_id": "run"}, at_ms=1)


def kept(store: Store, **wanted) -> list[dict]:
    return [row for batch in quarantine_table.read(store, **wanted) for row in batch.to_pylist()]


def test_a_refused_row_is_kept_with_all_that_is_known_of_it(store: Store) -> None:
    append(store, "shard-1", ROWS.append_column("payload", pa.array([b"\x89PNG", None])))
    assert kept(store)[0] == {
        "shard": "shard-1",
        "stage": "validate",
        "object": "a.csv",
        "row": 3,
        "sample_id": None,
        "reasons": ["label is missing", "x is out of range"],
        "content": '{"x": 1}',
        "payload": b"\x89PNG",
    }


def test_a_shard_that_comes_again_changes_nothing(store: Store) -> None:
    assert append(store, "shard-1") == 0
    assert append(store, "shard-1", ROWS.slice(0, 1)) == 0
    assert len(kept(store)) == 2


def test_many_shards_go_in_by_one_commit_and_known_ones_are_left_out(store: Store) -> None:
    append(store, "shard-1")
    files = [quarantine_table.write(store, f"shard-{n}", ROWS) for n in (1, 2, 3)]
    assert quarantine_table.commit(store, files, {"run_id": "run"}, at_ms=1) == 1
    assert quarantine_table.commit(store, files, {"run_id": "run"}, at_ms=1) == 1
    assert [row["shard"] for row in kept(store, columns=["shard"])] == [f"shard-{n}" for n in (1, 1, 2, 2, 3, 3)]


def test_an_empty_quarantine_reads_as_nothing(store: Store) -> None:
    assert kept(store) == []
    assert quarantine_table.counts(store) == {}
    assert quarantine_table.commit(store, [], {}, at_ms=1) is None


def test_reasons_are_counted_over_the_shards_asked_for(store: Store) -> None:
    append(store, "shard-1")
    append(store, "shard-2", ROWS.slice(1))
    assert quarantine_table.counts(store) == {"label is missing": 3, "x is out of range": 1}
    assert quarantine_table.counts(store, ["shard-2"]) == {"label is missing": 1}


def test_processes_that_refuse_rows_at_once_lose_none(store: Store) -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/infra/checkout"}
    writers = [
        subprocess.Popen([sys.executable, "-c", APPENDER, store.uri, letter], env=environment) for letter in "ab"
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    shards = [row["shard"] for row in kept(store, columns=["shard"])]
    assert sorted(shards) == sorted(2 * [f"{letter}-{n}" for letter in "ab" for n in range(6)])
