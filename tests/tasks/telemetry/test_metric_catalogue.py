"""The catalogue of metrics keeps to Prometheus' conventions, and no label of it can grow with the data."""

from __future__ import annotations

import re

from augmill.tasks.telemetry.metric_catalogue import BY_NAME, COUNTER, EVENT_LEVELS, METRICS, MOST_VALUES, RATIO_LEVELS

FIXED = {
    *("dataset", "outcome", "service_level", "result", "percentile", "split", "origin", "part", "rows", "reason"),
    *("component", "work_pool", "folder", "version"),
}


def test_names_are_unique_and_say_their_unit():
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"augmill_[a-z]+(_[a-z]+)*", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == COUNTER), metric.name
        assert metric.help.endswith("."), metric.name
        assert not re.search(r"_(ms|milliseconds|kb|minutes|percent|rate)(_|$)", metric.name)


def test_every_label_has_few_values_and_none_is_of_a_row_a_run_or_a_class():
    labels = {label for metric in METRICS for label in metric.labels}
    assert labels == FIXED | set(MOST_VALUES)
    assert all(("dataset" in metric.labels) == (metric.source == "dataset") for metric in METRICS)


def test_levels_with_a_budget_have_a_ratio_or_are_of_runs():
    assert set(EVENT_LEVELS) - {"run_success"} <= set(RATIO_LEVELS)
