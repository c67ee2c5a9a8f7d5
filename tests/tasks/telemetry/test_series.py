"""The series of a dataset: those of the catalogue, few, and none for what was not measured."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from augmill.tasks.telemetry.counters import LakeState, empty, fold, merge_lake_state
from augmill.tasks.telemetry.exposition import text_of
from augmill.tasks.telemetry.metric_catalogue import BY_NAME, METRICS, MOST_SERIES, MOST_SIGNS, MOST_VALUES
from augmill.tasks.telemetry.series import series_of
from tests.tasks.telemetry.told import document, event

EXPORTER_ONLY = {metric.name for metric in METRICS if metric.source == "exporter"}


def full_tally(**more):
    tally = fold(empty(), event("run.started") | {"interval": 86_400.0})
    tally = fold(tally, event("run.published", at=1060.0, **document(**more)))
    moves = [{"number": 1, "version": 0, "reason": "published"}]
    return merge_lake_state(tally, LakeState(moves={"stable": moves}, spooled=1, oldest=900.0), 2000.0)


def values(series):
    return {(one.name, *one.labels[1:]): one.value for one in series}


def test_every_metric_of_a_dataset_has_a_series_once_everything_was_measured():
    found = {one.name for one in series_of("made", full_tally(), 2000.0)}
    assert found == set(BY_NAME) - EXPORTER_ONLY


def test_the_figures_are_those_of_the_run():
    found = values(series_of("made", full_tally(), 2000.0))
    assert found["augmill_service_level_events_total", "label_consistency", "bad"] == 3
    assert found["augmill_version_rows", "train", "real"] == 120
    assert found["augmill_version_smallest_class_ratio", "real"] == 0.25
    assert found["augmill_version_bytes", "made"] == 500
    assert found["augmill_transform_latency_seconds", "tabular.smote", "99"] == 0.004
    assert found["augmill_runs_total", "lost"] == 0
    assert found["augmill_schedule_interval_seconds",] == 86_400
    assert found["augmill_check_passed", "coverage"] == 0


def test_what_was_not_measured_has_no_series_and_says_so():
    found = values(series_of("made", full_tally(), 2000.0))
    assert ("augmill_service_level_ratio", "privacy_score") not in found
    assert ("augmill_service_level_met", "privacy_score") not in found
    assert found["augmill_service_level_measured", "privacy_score"] == 0
    assert ("augmill_check_observed", "provenance_complete") not in found
    bare = values(series_of("made", fold(empty(), event("run.published", dataset="made", version=0)), 1.0))
    assert not [key for key in bare if key[0] in ("augmill_service_level_ratio", "augmill_run_cpu_seconds")]


def test_a_dataset_that_only_failed_has_the_series_that_alerts_stand_on():
    found = values(series_of("made", fold(empty(), event("run.failed", exit_code=4)), 2000.0))
    assert found["augmill_runs_total", "storage_error"] == 1
    assert found["augmill_run_last_succeeded",] == 0
    assert ("augmill_version",) not in found


def test_whatever_a_policy_holds_a_dataset_has_few_series_and_short_labels():
    checks = [{"name": f"check {n} {'x' * 500}", "success": n != 3000, "observed": 1.0} for n in range(4000)]
    latency = [{"use": f"t{n}", "p50_ms": 1.0, "p95_ms": 1.0, "p99_ms": 1.0} for n in range(1000)]
    classes = {f"class-{n}": 1 for n in range(5000)}
    rows = {"real": 5000, "quarantined": 0, "dropped": 0, "by_split_origin_label": {"train": {"real": classes}}}
    series = series_of("made", full_tally(checks=checks, latency=latency, rows=rows), 2000.0)
    assert len(series) <= MOST_SERIES + 2
    found = values(series)
    assert found["augmill_series_left_off",] > 0
    assert sum(key[0] == "augmill_check_passed" for key in found) <= MOST_VALUES["check"]
    assert [v for key, v in found.items() if key[0] == "augmill_check_passed" and key[1].startswith("check 3000")] == [
        0
    ]
    assert max(len(text) for one in series for text in one.labels) <= MOST_SIGNS
    assert not [one for one in series if any("class-" in text for text in one.labels)]
    assert found["augmill_runs_total", "published"] == 1


def test_labels_cut_to_the_same_text_are_one_series():
    long = [{"name": "x" * 100 + str(n), "success": True, "observed": 1.0} for n in range(2)]
    text = text_of(series_of("made", full_tally(checks=long), 2000.0)).decode()
    assert text.count("augmill_check_passed{") == 1


def test_promtool_finds_nothing_to_complain_of():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here; it is in Debian's package prometheus")
    text = text_of(series_of("made", full_tally(), 2000.0))
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_series_of_no_known_metric_is_refused():
    from augmill.tasks.telemetry.series import Series

    with pytest.raises(KeyError):
        text_of([Series("augmill_surprise", ("made",), 1.0)])
