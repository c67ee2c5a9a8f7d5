"""Error budgets against figures worked out by hand."""

from __future__ import annotations

import pytest

from tasks.telemetry.budget import Burn, Level, Reading, burns, levels_of, levels_of_failure

HOUR = 3600.0
DAY = 24 * HOUR


def run(at: float, bad: int, total: int = 1000, target: float = 0.99) -> Reading:
    return Reading(at, f"run at {at}", (Level("label_consistency", bad / total, float(total), target),))


def test_four_hundred_bad_rows_of_four_thousand_burn_a_budget_of_one_percent_ten_times_as_fast_as_allowed():
    readings = [run(day * DAY, bad) for day, bad in enumerate((100, 100, 100, 100))]
    assert burns(readings, 3 * DAY) == [Burn("label_consistency", 0.99, 10.0, 10.0, 10.0, runs=4)]


def test_three_times_the_rate_is_not_more_than_three_times():
    assert burns([run(0, 30)], 0) == []
    assert [burn.rate for burn in burns([run(0, 31)], 0)] == [3.1]


def test_one_bad_run_after_three_good_ones_must_be_bad_enough_for_all_four():
    good = [run(day * DAY, 0) for day in range(3)]
    # 120 bad of 4 * 1000 rows are 3 % on the whole: exactly three times what is allowed.
    assert burns([*good, run(3 * DAY, 120)], 3 * DAY) == []
    (burn,) = burns([*good, run(3 * DAY, 121)], 3 * DAY)
    assert (burn.rate, burn.latest_rate) == (3.025, 12.1)


def test_an_old_bad_run_burns_no_longer_once_a_good_one_has_come():
    bad = run(0, 900)
    assert [burn.rate for burn in burns([bad], 0)] == [90.0]
    assert burns([bad, run(3 * HOUR, 0)], 3 * HOUR) == []


def test_within_the_short_window_a_good_run_does_not_hide_a_bad_one():
    assert [burn.rate for burn in burns([run(0, 900), run(HOUR, 0)], HOUR)] == [45.0]


def test_many_runs_of_one_day_all_count_in_the_long_window():
    readings = [run(hour * HOUR, 100 if hour == 23 else 0) for hour in range(24)]
    assert burns(readings, 23 * HOUR) == []  # 100 of 24,000 rows are 0.42 %


def test_large_runs_weigh_more_than_small_ones():
    small, large = run(0, 10, total=10), run(HOUR, 0, total=990)
    assert burns([small, large], HOUR) == []  # 10 of 1000 rows are 1 %, which is the budget


def test_a_level_that_a_run_did_not_measure_counts_for_nothing():
    other = Reading(HOUR, "other", (Level("sample_validity", 0.0, 10.0, 0.999),))
    assert [(burn.name, burn.runs) for burn in burns([run(0, 900), other], HOUR)] == [("label_consistency", 1)]
    assert levels_of({"slis": [{"name": "sample_validity", "observed": None, "target": 0.999, "unit": "share"}]}) == ()


def test_without_any_budget_a_single_bad_row_burns_it_at_no_rate_that_could_be_told():
    (burn,) = burns([run(0, 1, target=1.0)], 0)
    assert (burn.rate, burn.latest_rate, burn.spent) == (None, None, None)
    assert burns([run(0, 0, target=1.0)], 0) == []


def test_levels_are_shares_of_good_events_with_a_target_and_nothing_else():
    slis = [
        {"name": "label_consistency", "observed": 0.98, "target": 0.99, "unit": "share"},
        {"name": "drift_coverage", "observed": 0.5, "target": 0.8, "unit": "share"},
        {"name": "storage_increase", "observed": 4.0, "target": 2.0, "unit": "share"},
        {"name": "model_delta", "observed": 0.1, "target": 0.0, "unit": "metric"},
        {"name": "sample_validity", "observed": 1.0, "target": None, "unit": "share"},
    ]
    document = {"slis": slis, "rows": {"real": 10, "quarantined": 0}, "steps": [{"judged": 50}, {"judged": 150}]}
    found = {level.name: (round(level.bad, 9), level.total, level.target) for level in levels_of(document)}
    assert found == {"label_consistency": (0.02, 200.0, 0.99), "drift_coverage": (0.5, None, 0.8)}


def test_a_run_that_was_refused_uses_up_budget_too():
    report = {"quarantined": 20, "rows": 100, "reasons": {}}
    assert levels_of_failure(report, []) == (Level("sample_validity", 0.2, 100.0, 0.999),)
    failed = {"failed": [{"name": "label_consistency", "observed": 0.75, "target": ">= 0.9"}, {"name": "copies"}]}
    known = [run(0, 0, target=0.9)]
    (level,) = levels_of_failure(failed, known)
    assert level == Level("label_consistency", 0.25, None, 0.9)
    # Of unknown size, it counts as one of usual size: 250 bad of 2 * 1000 rows, where 10 % are allowed.
    assert burns([*known, Reading(HOUR, "refused", (level,))], HOUR) == []
    (burn,) = burns([*[run(0, 500, target=0.9)] * 3, Reading(HOUR, "refused", (level,))], HOUR)
    assert burn.rate == pytest.approx((3 * 0.5 + 0.25) / 4 / 0.1)


def test_a_report_without_figures_says_nothing():
    assert levels_of_failure({"failed": ["label_consistency"], "rows": 0, "quarantined": 0}, []) == ()
