"""Readings are kept for all to see, and a budget that begins to burn is told of once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from policies.errors import StorageError
from tasks.storage.store import Store
from tasks.telemetry.budget import Level, Reading
from tasks.telemetry.ledger import note, readings_of

DAY = 24 * 3600.0


def run(at: float, bad: float) -> Reading:
    return Reading(at, f"run-{at}", (Level("label_consistency", bad, 100.0, 0.99),))


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path / "budgets"))


def names(store: Store, *readings: Reading) -> list[list[str]]:
    return [[burn.name for burn in note(store, reading)] for reading in readings]


def test_a_burn_is_told_when_it_begins_and_again_after_it_has_ended(store):
    readings = [run(day * DAY, bad) for day, bad in enumerate((0.5, 0.5, 0.5, 0.0, 0.5))]
    told = ["label_consistency"]
    assert names(store, *readings) == [told, [], [], [], told]


def test_readings_of_the_last_twenty_eight_days_are_kept_in_every_object(store):
    for day in range(40):
        note(store, run(day * DAY, 0.0))
    assert [reading.at / DAY for reading in readings_of(store)] == list(range(12, 40))
    assert [entry.name for entry in store.list()] == [f"{number:08d}.json" for number in range(21, 41)]


def test_runs_that_end_at_once_are_all_kept_and_one_of_them_tells(store):
    with ThreadPoolExecutor(4) as threads:
        told = list(threads.map(lambda number: note(store, run(float(number), 0.5)), range(8)))
    assert sum(len(burns) for burns in told) == 1
    assert len(readings_of(store)) == 8


def test_a_clock_that_was_ahead_by_years_does_not_hide_the_runs_that_come_after(store):
    assert names(store, run(4000 * DAY, 0.0), run(DAY, 0.5), run(2 * DAY, 0.5)) == [[], ["label_consistency"], []]
    assert [reading.at / DAY for reading in readings_of(store)] == [1, 1, 2]


def test_a_damaged_object_is_named_with_what_to_do(store):
    store.write("00000007.json", b'{"readings": [{"at": 1}]}')
    with pytest.raises(StorageError, match=r"00000007.json is damaged") as fault:
        note(store, run(0.0, 0.0))
    assert "Delete it" in fault.value.remedy
