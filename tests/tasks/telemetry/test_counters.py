"""Counters are right whatever is told twice, late, or never."""

from __future__ import annotations

from functools import reduce
from typing import Any

from augmill.tasks.telemetry.counted_event import event_of, excerpt
from augmill.tasks.telemetry.counters import (
    BEGIN_SECONDS,
    REMEMBERED,
    SIGN_SECONDS,
    LakeState,
    empty,
    fold,
    merge_lake_state,
    newly_burning,
)
from augmill.tasks.telemetry.dataset_event import DatasetEvent, failure
from tests.tasks.telemetry.told import document, event

STARTED = event("run.started", at=1000.0)
PUBLISHED = event("run.published", at=1060.0, **document())
DAY = 86400.0


def tally(*events):
    return reduce(fold, events, empty())


def test_a_run_counts_its_children_its_rows_and_itself():
    found = tally(STARTED, PUBLISHED)
    assert found["runs"] == {"published": 1}
    assert (found["started"], found["open"]) == (1, {})
    assert found["events"] == {
        "run_success": {"good": 1, "bad": 0},
        "augmentation_success_rate": {"good": 98, "bad": 2},
        "sample_validity": {"good": 200, "bad": 2},
        "label_consistency": {"good": 95, "bad": 3},
    }
    assert (found["cpu_seconds"], found["cost"], found["written_bytes"]) == (36.0, {"EUR": 0.02}, 1500)
    assert found["checks_failed"] == 1
    assert found["times"] == {"started": 1000.0, "ended": 1060.0, "success": 1060.0}


def test_what_is_told_twice_counts_once():
    once = tally(STARTED, PUBLISHED)
    assert tally(STARTED, STARTED, PUBLISHED, STARTED, PUBLISHED) == once


def test_only_the_last_events_are_remembered_and_in_their_order():
    events = [event("run.started", f"r{number}", 1000.0 + number) for number in range(REMEMBERED + 3)]
    full = tally(*events)
    ids = [each["id"] for each in events]
    assert len(set(ids)) == REMEMBERED + 3
    assert full["heard"] == ids[3:]
    for recent in (events[3], events[-1]):
        assert fold(full, recent) == full
    assert fold(full, events[2])["started"] == full["started"] + 1


def test_a_version_counts_once_however_often_it_is_found_unchanged():
    once = tally(STARTED, PUBLISHED)
    again = fold(once, event("run.unchanged", "none", 2000.0, **document()))
    assert again["runs"] == {"published": 1, "unchanged": 1}
    assert again["started"] == 2
    assert again["events"]["sample_validity"] == once["events"]["sample_validity"]
    assert again["cpu_seconds"] == once["cpu_seconds"]
    assert again["times"]["success"] == 2000.0


def test_a_version_whose_run_was_killed_before_it_told_counts_when_a_later_run_finds_it():
    rerun = tally(STARTED, event("run.unchanged", "r2", 1900.0, **document()))
    assert rerun["events"]["label_consistency"] == {"good": 95, "bad": 3}
    seen = LakeState(versions=(excerpt(document(1)),))
    later = fold(
        merge_lake_state(tally(STARTED, PUBLISHED), seen, 3000.0), event("run.published", "r3", 3000.0, **document(2))
    )
    assert later["events"]["sample_validity"] == {"good": 600, "bad": 6}
    assert later["counted"] == 2


def test_two_runs_without_a_flow_are_two_runs():
    first, second = (event("run.unchanged", "none", at, **document()) for at in (10.0, 11.0))
    assert tally(first, second, first)["runs"] == {"unchanged": 2}


def test_failures_count_by_who_has_to_mend_them_and_an_interruption_by_nobody():
    codes = {2: "policy_error", 3: "data_error", 4: "storage_error", 130: "interrupted", 1: "crashed"}
    events = [event("run.failed", f"r{code}", 1000.0 + code, exit_code=code) for code in codes]
    found = tally(*events)
    assert found["runs"] == dict.fromkeys(codes.values(), 1)
    assert found["events"]["run_success"] == {"good": 0, "bad": 4}


def test_the_checks_that_failed_a_run_are_shown_until_a_run_does_well():
    failed = {"report": {"failed": [{"name": "coverage", "success": False, "observed": 0.1}]}, "exit_code": 3}
    bad = tally(STARTED, event("run.failed", **failed))
    assert bad["failed"] == [{"name": "coverage", "success": False, "observed": 0.1}]
    assert bad["checks_failed"] == 1
    assert (bad["succeeded"], fold(bad, event("run.published", "r2", 1100.0, **document()))["failed"]) == (False, [])


def test_a_fault_nobody_foresaw_is_a_crash():
    told = DatasetEvent("run.failed", "made", "r1", 1.0, failure(ZeroDivisionError("x")))
    assert event_of(told, "1")["outcome"] == "crashed"


def test_a_mistyped_name_at_a_terminal_makes_no_dataset():
    slip = event("run.failed", "none", exit_code=2)
    assert tally(slip) == empty()
    assert tally(STARTED, PUBLISHED, slip)["runs"] == {"published": 1, "policy_error": 1}
    assert tally(event("run.started"), event("run.failed", exit_code=2))["runs"] == {"policy_error": 1}


def test_a_run_without_a_sign_of_life_is_lost_and_one_with_is_not():
    running = tally(STARTED)
    assert merge_lake_state(running, LakeState(), 1000.0 + BEGIN_SECONDS)["runs"] == {}
    lost = merge_lake_state(running, LakeState(), 1001.0 + BEGIN_SECONDS)
    assert (lost["runs"], lost["open"], lost["succeeded"]) == ({"lost": 1}, {}, False)
    assert lost["events"]["run_success"] == {"good": 0, "bad": 1}
    late = 90_000.0
    assert merge_lake_state(running, LakeState(signs={"r1": late - SIGN_SECONDS}), late)["runs"] == {}
    assert merge_lake_state(running, LakeState(signs={"r1": late - SIGN_SECONDS - 1}), late)["runs"] == {"lost": 1}
    assert merge_lake_state(running, LakeState(), late, current_run_id="r1")["runs"] == {}
    assert merge_lake_state(lost, LakeState(), late) == lost


def test_moves_of_channels_count_once_and_the_last_says_where_it_points():
    moves = [{"number": n, "version": v, "reason": r} for n, v, r in ((1, 0, "published"), (2, 1, "rolled back"))]
    found = merge_lake_state(empty(), LakeState(moves={"stable": moves}), 1.0)
    again = merge_lake_state(found, LakeState(moves={"stable": moves[-1:]}), 2.0)
    assert again == found
    assert found["channels"]["stable"] == {"number": 2, "version": 1, "moves": {"published": 1, "rolled_back": 1}}


def test_a_clock_that_was_ahead_by_years_hides_neither_runs_that_fail_nor_one_that_is_lost():
    year = 365 * 86400.0
    ahead = tally(event("run.published", "r0", 9 * year, **document()), event("run.started", "r1", 9 * year))
    found = fold(merge_lake_state(ahead, LakeState(), year), event("run.failed", "r2", year + 1, exit_code=4))
    assert (found["succeeded"], found["times"]["success"], found["times"]["ended"]) == (False, year, year + 1)
    assert merge_lake_state(found, LakeState(), year + BEGIN_SECONDS + 2)["runs"]["lost"] == 1


def run(at: float, bad: float, run_id: str = "") -> dict[str, Any]:
    """A run that judged 98 children and contradicted a share of them."""
    level = {"name": "label_consistency", "observed": 1.0 - bad, "target": 0.99, "ok": False}
    return event("run.published", run_id or f"run-{at}", at, **document(slis=[level]))


def told(*events: dict[str, Any]) -> list[list[str]]:
    """The budgets that begin to burn with each event."""
    found, before = [], empty()
    for one in events:
        after = fold(before, one)
        found.append([burn.name for burn in newly_burning(before, after)])
        before = after
    return found


def test_a_burn_is_told_when_it_begins_and_again_after_it_has_ended():
    runs = [run(day * DAY, bad) for day, bad in enumerate((0.5, 0.5, 0.5, 0.0, 0.5))]
    assert told(*runs) == [["label_consistency"], [], [], [], ["label_consistency"]]


def test_runs_that_were_killed_burn_the_budget_of_runs():
    before = tally(event("run.started", "r1", at=1000.0), event("run.started", "r2", at=2000.0))
    after = merge_lake_state(before, LakeState(), 2000.0 + BEGIN_SECONDS + 1.0)
    assert after["runs"] == {"lost": 2}
    assert [burn.name for burn in newly_burning(before, after)] == ["run_success"]
    assert merge_lake_state(after, LakeState(), 9000.0) == after


def test_readings_of_the_last_twenty_eight_days_are_kept():
    found = tally(*(run(day * DAY, 0.0) for day in range(40)))
    assert [reading["at"] / DAY for reading in found["readings"]] == list(range(12, 40))


def test_a_clock_that_was_ahead_by_years_does_not_hide_the_burns_that_come_after():
    runs = (run(4000 * DAY, 0.0), run(DAY, 0.5), run(2 * DAY, 0.5))
    assert told(*runs) == [[], ["label_consistency"], []]
    assert [reading["at"] / DAY for reading in tally(*runs)["readings"]] == [1, 1, 2]


def test_runs_that_fail_burn_their_budget_and_one_that_somebody_stopped_does_not():
    stop = {"kind": "CancelledRun", "exit_code": 1}
    stopped = [event_of(DatasetEvent("run.failed", "made", f"r{at}", at, stop), "1") for at in (1.0, 2.0)]
    failed = [event("run.failed", f"r{at}", at, exit_code=4) for at in (1.0, 2.0)]
    assert told(*stopped) == [[], []]
    assert tally(*stopped)["runs"] == {"interrupted": 2}
    assert told(*failed) == [[], ["run_success"]]
    refused = event("run.failed", at=1.0, exit_code=3, report={"rows": 100, "quarantined": 20})
    assert told(refused) == [["sample_validity"]]


def test_an_event_that_comes_late_turns_no_clock_back():
    found = tally(PUBLISHED, event("run.failed", "r0", 500.0, exit_code=4))
    assert found["times"]["ended"] == 1060.0
    assert found["succeeded"] is True
    assert found["runs"] == {"published": 1, "storage_error": 1}


def test_what_was_not_measured_is_no_event():
    bare = {"dataset": "made", "version": 0}
    assert tally(event("run.published", **bare))["events"] == {"run_success": {"good": 1, "bad": 0}}
