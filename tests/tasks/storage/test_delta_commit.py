"""Two processes publish from one version: one wins, the other is told, and nothing mixes."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from augmill.policies.errors import StorageError
from augmill.tasks.storage import delta_commit, delta_log
from augmill.tasks.storage.delta import Conflict, Table
from augmill.tasks.storage.delta_commit import Change
from augmill.tasks.storage.store import Store
from tests.tasks.storage.small_tables import BASE, data_file, full, publish, read, rows

ROOT = Path(__file__).resolve().parents[3]
KINDS = ("append", "replace", "widen")
ROUNDS = 18


@pytest.fixture
def table(store: Store) -> Table:
    return Table(store.sub("raced"))


@pytest.fixture
def racers(table: Table) -> Iterator[list[subprocess.Popen]]:
    command = [sys.executable, "-m", "tests.tasks.storage.publisher", table.store.uri]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/infra/checkout"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, env=environment, cwd=ROOT, **pipes) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    yield processes
    for process in processes:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def test_of_two_racing_publishers_one_wins_every_time(table: Table, racers: list[subprocess.Popen]) -> None:
    wins, present = {"a": 0, "b": 0}, set()
    for turn in range(ROUNDS):
        kind, expected = KINDS[turn % 3], "none" if turn == 0 else str(turn - 1)
        for letter, process in zip("ab", racers, strict=True):
            process.stdin.write(f"{kind} {expected} {letter}{turn}\n")
        for process in racers:
            process.stdin.flush()
        told = {letter: process.stdout.readline().strip() for letter, process in zip("ab", racers, strict=True)}
        assert sorted(told.values()) == ["lost", "won"], (turn, kind)
        winner = next(letter for letter, word in told.items() if word == "won")
        wins[winner] += 1
        present = (present if kind == "append" else set()) | {f"{winner}{turn}"}
        assert table.versions()[-1] == turn
        assert {row["id"] for row in read(table, turn)} == present
        assert table.snapshot(turn).metadata == {"run_id": f"{winner}{turn}"}
    assert sum(wins.values()) == ROUNDS


def stale(table: Table) -> tuple[DeltaTable, Change]:
    """The engine's view of version 0, and a change planned on it, while someone else publishes version 1."""
    kept = data_file(table, "kept", rows("kept"))
    publish(table, None, [kept])
    engine = DeltaTable(table.store.uri, storage_options=table.store.delta_options())
    mine = data_file(table, "mine", rows("mine"))
    publish(table, 0, [data_file(table, "theirs", rows("theirs"))], run="theirs")
    return engine, Change(1, (mine,), (), {"run_id": "mine"}, 1_700_000_000_000)


def test_a_blind_append_from_an_old_version_is_refused_by_the_engine(table: Table) -> None:
    engine, change = stale(table)
    with pytest.raises(Conflict) as caught:
        delta_commit.append(table.store, engine, change)
    assert isinstance(caught.value.__cause__, CommitFailedError)
    assert {row["id"] for row in read(table, 1)} == {"kept", "theirs"}
    assert table.versions() == [0, 1]


def test_widening_from_an_old_version_is_refused(table: Table) -> None:
    engine, change = stale(table)
    with pytest.raises(Conflict):
        delta_commit.widen(table.store, engine, change, [])
    assert table.versions() == [0, 1]


def test_creating_a_table_that_exists_is_refused_by_the_engine(table: Table) -> None:
    first = data_file(table, "a", rows("r1"))
    publish(table, None, [first], run="theirs")
    change = Change(0, (first,), (), {"run_id": "mine"}, 1_700_000_000_000)
    fields = delta_commit.delta_schema.fields_of(full(BASE))
    with pytest.raises(Conflict):
        delta_commit.create(table.store, table.partitions, change, fields)
    assert table.current().metadata == {"run_id": "theirs"}


def test_a_commit_whose_answer_was_lost_is_known_as_our_own(table: Table) -> None:
    engine, change = stale(table)
    answer_lost = Change(1, (), (), {"run_id": "theirs"}, change.at_ms)
    theirs = next(file for file in table.snapshot(1).files if "theirs" in file.path)
    ours = delta_commit.NewFile(theirs.path, theirs.bytes, "", theirs.rows, theirs.partition)
    delta_commit.append(table.store, engine, Change(1, (ours,), (), answer_lost.metadata, change.at_ms))
    with pytest.raises(Conflict):
        delta_commit.append(table.store, engine, answer_lost)
    assert table.versions() == [0, 1]


def test_a_fault_of_the_engine_is_no_conflict(table: Table) -> None:
    _, change = stale(table)
    last = Change(2, change.add, (), change.metadata, change.at_ms)
    with pytest.raises(StorageError, match="nothing was published") as caught:
        delta_commit.raise_unless_ours(table.store, last, OSError("connection reset"))
    assert not isinstance(caught.value, Conflict)
    assert "connection reset" in caught.value.cause
    assert [entry.name for entry in table.store.list("_delta_log/") if not entry.name.endswith(".json")] == []


def test_a_table_whose_protocol_another_engine_upgraded_is_not_widened(table: Table) -> None:
    publish(table, None, [data_file(table, "a", rows("r1"))])
    newer = {"protocol": {"minReaderVersion": 1, "minWriterVersion": 4}}
    assert delta_log.write(table.store, 1, [newer])
    wide = data_file(table, "b", rows("r2", z=[1.0]))
    with pytest.raises(StorageError, match="upgraded the table's protocol"):
        publish(table, 1, [wide], schema=BASE.append(pa.field("z", pa.float64())))


def test_a_conflict_survives_the_way_back_from_a_worker() -> None:
    conflict = pickle.loads(pickle.dumps(Conflict("cause", "remedy", transient=True)))
    assert (type(conflict), conflict.cause, conflict.remedy, conflict.transient) == (Conflict, "cause", "remedy", True)
