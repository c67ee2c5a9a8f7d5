"""Error budgets against figures worked out by hand."""

from __future__ import annotations

import re
from pathlib import Path

from augmill.tasks.telemetry.budget import (
    FACTOR,
    HOUR,
    PERIOD_SECONDS,
    WINDOW_SECONDS,
    Burn,
    Level,
    Reading,
    burns,
    levels_of,
    levels_of_failure,
    success,
)

DAY = 24 * HOUR
RULES = Path(__file__).resolve().parents[3] / "infra" / "prometheus" / "alerting.rules.yml"


def run(at: float, bad: int, total: int = 1000, target: float = 0.99) -> Reading:
    return Reading(at, f"run at {at}", (Level("label_consistency", bad / total, float(total), target),))


def test_three_hundred_bad_rows_of_three_thousand_burn_a_budget_of_one_percent_ten_times_as_fast_as_allowed():
    readings = [run(day * DAY, 100) for day in range(4)]  # the first is 72 h old: within the window of 74
    assert burns(readings, 3 * DAY) == [Burn("label_consistency", 0.99, 10.0, 10.0, 10.0, runs=4)]
    assert [burn.runs for burn in burns(readings, 3 * DAY + 3 * HOUR)] == [3]


def test_three_times_the_rate_is_not_more_than_three_times():
    assert burns([run(0, 30)], 0) == []
    assert [burn.rate for burn in burns([run(0, 31)], 0)] == [3.1]


def test_one_bad_run_after_two_good_ones_must_be_bad_enough_for_all_three():
    good = [run(day * DAY, 0) for day in range(2)]
    # 90 bad of 3 * 1000 rows are 3 % on the whole: exactly three times what is allowed.
    assert burns([*good, run(2 * DAY, 90)], 2 * DAY) == []
    (burn,) = burns([*good, run(2 * DAY, 93)], 2 * DAY)
    assert (burn.rate, burn.latest_rate) == (3.1, 9.3)


def test_an_old_bad_run_burns_no_longer_once_a_good_one_has_come():
    bad = run(0, 900)
    assert [burn.rate for burn in burns([bad], 0)] == [90.0]
    assert burns([bad, run(HOUR, 0)], HOUR) == []


def test_a_single_bad_row_of_few_is_no_alarm_and_a_second_is():
    assert burns([run(0, 1, total=20)], 0) == []
    assert [burn.rate for burn in burns([run(0, 2, total=40)], 0)] == [5.0]


def test_large_runs_weigh_more_than_small_ones():
    small, large = run(0, 10, total=10), run(HOUR, 40, total=990)
    (burn,) = burns([small, large], HOUR)
    assert (burn.rate, burn.latest_rate) == (5.0, 4.0404)  # 50 of 1000, and 40 of 990


def test_what_is_spent_is_counted_over_twenty_eight_days():
    readings = [run(-29 * DAY, 1000), *(run(-day * DAY, 0) for day in (9, 8, 7)), run(0, 80)]
    (burn,) = burns(readings, 0)
    assert (burn.rate, burn.spent) == (8.0, 2.0)  # 80 of 1000 in the window; 80 of 4000 in the period


def test_a_level_that_a_run_did_not_measure_counts_for_nothing():
    other = Reading(HOUR, "other", (Level("sample_validity", 0.0, 10.0, 0.999),))
    assert [(burn.name, burn.runs) for burn in burns([run(0, 900), other], HOUR)] == [("label_consistency", 1)]
    slis = [{"name": "sample_validity", "observed": None, "target": 0.999, "unit": "share"}]
    assert levels_of({"slis": slis, "rows": {"real": 10}}) == (success(True),)


def test_without_any_budget_two_bad_rows_burn_it_at_no_rate_that_could_be_told():
    (burn,) = burns([run(0, 2, target=1.0)], 0)
    assert (burn.rate, burn.latest_rate, burn.spent) == (None, None, None)
    assert burns([run(0, 0, target=1.0)], 0) == []


def test_a_second_failed_run_of_four_burns_the_budget_of_runs():
    runs = [Reading(day * DAY, "r", (success(day < 2),)) for day in range(4)]
    assert burns(runs[:3], 2 * DAY) == []  # one failed run is no alarm
    (burn,) = burns(runs, 3 * DAY)
    assert (burn.name, burn.rate, burn.latest_rate) == ("run_success", 10.0, 20.0)  # 2 of 4, where 1 of 20 may fail


def test_levels_are_those_with_events_and_nothing_else():
    slis = [
        {"name": "label_consistency", "observed": 0.98, "target": 0.99, "unit": "share"},
        {"name": "drift_coverage", "observed": 0.5, "target": 0.8, "unit": "share"},
        {"name": "sample_validity", "observed": 1.0, "target": None, "unit": "share"},
    ]
    document = {"slis": slis, "rows": {"real": 10, "quarantined": 0}, "steps": [{"judged": 50}, {"judged": 150}]}
    found = {level.name: (round(level.bad, 9), level.total, level.target) for level in levels_of(document)}
    assert found == {"run_success": (0.0, 1.0, 0.95), "label_consistency": (0.02, 200.0, 0.99)}


def test_a_run_that_was_refused_uses_up_budget_too():
    report = {"quarantined": 20, "rows": 100, "reasons": {}}
    assert levels_of_failure(report, []) == (success(False), Level("sample_validity", 0.2, 100.0, 0.999))
    failed = {"failed": [{"name": "label_consistency", "observed": 0.75, "target": ">= 0.9"}, {"name": "copies"}]}
    assert levels_of_failure(failed, []) == (success(False),)
    # Of how many children the rate is, the report does not say: of as many as in the run before.
    counted = levels_of_failure(failed, [run(0, 0, total=400, target=0.9)])[1]
    assert counted == Level("label_consistency", 0.25, 400.0, 0.9)


def test_a_report_without_figures_says_only_that_the_run_failed():
    for report in ({}, {"failed": ["label_consistency"], "rows": 0, "quarantined": 0}):
        assert levels_of_failure(report, [run(0, 0)]) == (success(False),)


def test_the_figures_are_those_of_the_alert_of_prometheus():
    rule = RULES.read_text().partition("- alert: BudgetBurning\n")[2]
    hours, factor = re.search(r"burn_rate:(\d+)h > (\d+) and dataset:burn_rate:last > \2", rule).groups()
    assert (int(hours) * HOUR, float(factor)) == (WINDOW_SECONDS, FACTOR)
    assert f"rate that {PERIOD_SECONDS / DAY:g} days allow" in rule
