"""Tallies in the lake: of writers at once none is lost, and little is kept."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from augmill.tasks.storage.store import Store
from augmill.tasks.telemetry import counter_store
from augmill.tasks.telemetry.counters import empty, fold, newly_burning
from tests.tasks.telemetry.told import document, event


def counted(tally):
    return {**tally, "started": tally["started"] + 1}


def test_writers_at_once_count_on_top_of_each_other(tmp_path):
    store = Store(str(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: counter_store.update(store, "made", counted), range(24)))
    assert counter_store.read(store, "made")["started"] == 24


def test_of_runs_that_end_at_once_one_sees_that_a_budget_begins_to_burn(tmp_path):
    store = Store(str(tmp_path))
    level = {"name": "label_consistency", "observed": 0.5, "target": 0.99, "ok": False}
    events = [event("run.published", f"r{n}", float(n), **document(slis=[level])) for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda one: counter_store.update(store, "made", lambda tally: fold(tally, one)), events))
    assert sum(len(newly_burning(*count)) for count in counts) == 1
    assert len(counter_store.read(store, "made")["readings"]) == 8


def test_old_tallies_go_an_hour_after_a_later_one_came(tmp_path):
    store = Store(str(tmp_path))
    for _ in range(3):
        counter_store.update(store, "made", counted)
    old = tmp_path / "made" / "000000000001.json"
    os.utime(old, (old.stat().st_atime, old.stat().st_mtime - counter_store.KEPT_SECONDS - 60))
    counter_store.update(store, "made", counted)
    assert [entry.name for entry in store.list()] == [f"made/{number:012d}.json" for number in (2, 3, 4)]
    assert counter_store.read(store, "made")["started"] == 4


def test_two_datasets_do_not_meet(tmp_path):
    store = Store(str(tmp_path))
    counter_store.update(store, "made", counted)
    counter_store.update(store, "made-too", counted)
    assert [counter_store.read(store, name)["started"] for name in ("made", "made-too", "other")] == [1, 1, 0]
    assert counter_store.tallied(store) == ["made", "made-too"]


def test_what_changes_nothing_writes_nothing(tmp_path):
    store = Store(str(tmp_path))
    told = event("run.published", **document())
    for _ in range(3):
        counter_store.update(store, "made", lambda tally: fold(tally, told))
    assert [entry.name for entry in store.list()] == ["made/000000000001.json"]
    assert counter_store.read(store, "made") == fold(empty(), told)


@pytest.mark.parametrize("content", [b"{", b"[1]", b"null", b'{"runs": 3}', b"\xff"])
def test_of_a_damaged_tally_the_one_before_counts_and_the_next_goes_on_from_there(tmp_path, content):
    store = Store(str(tmp_path))
    counter_store.update(store, "made", counted)
    store.write("made/000000000007.json", content)
    assert counter_store.read(store, "made")["started"] == 1
    counter_store.update(store, "made", counted)
    assert counter_store.read(store, "made")["started"] == 2
    assert [entry.name for entry in store.list()][-1] == "made/000000000008.json"
