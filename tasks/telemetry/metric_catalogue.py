"""Every metric there is: name, kind, labels, meaning, source. What is not in this list is not exported.

Names follow Prometheus: base units at the end, `_total` for counters, `_ratio` for shares of 1. Labels are few and
their values bounded: never the id of a sample or a run, a class, a path or a message. What was not measured has no
series; `augmill_service_level_measured` says so. Counters count over all runs of a dataset, on whatever machine, and
each version once; they are kept in the lake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter"]
Source = Literal["dataset", "exporter"]
GAUGE: Kind = "gauge"
COUNTER: Kind = "counter"

JOB = "augmill"
"""The job label of what is pushed."""


@dataclass(frozen=True)
class Metric:
    """One metric. `source`: `dataset` for what is known of each dataset, and so in its textfile, on the pushgateway
    and on the exporter; `exporter` for what only the long-lived exporter can see."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    source: Source = "dataset"


OUTCOMES = (
    "published",
    "unchanged",
    "policy_error",
    "data_error",
    "storage_error",
    "crashed",
    "interrupted",
    "lost",
)
"""How a run ended. `lost`: killed, so that a later one had to find out; `crashed`: a fault in the code."""

SUCCEEDED = ("published", "unchanged")
NOT_COUNTED = ("interrupted",)
"""Outcomes that are neither good nor bad for the service level `run_success`: somebody wanted it so."""

RATIO_LEVELS = (
    "augmentation_success_rate",
    "sample_validity",
    "label_consistency",
    "model_delta",
    "privacy_score",
    "drift_coverage",
    "storage_increase",
)
"""Service levels of DESIGN.md, section 8, that are shares, scores or differences of them, and so unitless."""

EVENT_LEVELS = ("run_success", "augmentation_success_rate", "sample_validity", "label_consistency")
"""Service levels with an error budget: each run, child or row is one event, good or bad."""

RUN_SUCCESS_TARGET = 0.95
"""Of a month of daily runs, one may fail."""

PERCENTILES = ("50", "95", "99")
PARTS = ("real", "made", "new")
COMPONENTS = ("prefect_server", "mlflow", "lake")

MOST_SERIES = 500
"""Series of one dataset at most; what is over is left off and counted."""

MOST_VALUES: Mapping[str, int] = {"check": 40, "transform": 30, "channel": 20, "stage": 12, "currency": 3}
"""Different values of a label at most, per dataset and metric, where a policy decides how many there are."""

MOST_SIGNS = 80
"""Characters of a label's value at most."""

_D = ("dataset",)
_LEVEL = ("dataset", "service_level")

METRICS: tuple[Metric, ...] = (
    # What becomes of runs.
    Metric("augmill_runs_total", COUNTER, ("dataset", "outcome"), "Runs that ended, by how they ended."),
    Metric("augmill_runs_started_total", COUNTER, _D, "Runs that began; those that found nothing to do among them."),
    Metric("augmill_runs_in_progress", GAUGE, _D, "Runs that began and have not ended."),
    Metric("augmill_run_last_started_timestamp_seconds", GAUGE, _D, "When a run last began, in Unix time."),
    Metric("augmill_run_last_ended_timestamp_seconds", GAUGE, _D, "When a run last ended, however it ended."),
    Metric(
        "augmill_run_last_success_timestamp_seconds",
        GAUGE,
        _D,
        "When a run last published a version or found that there was nothing to do.",
    ),
    Metric("augmill_run_last_succeeded", GAUGE, _D, "1 if the run that ended last did well, else 0."),
    Metric("augmill_run_duration_seconds", GAUGE, _D, "How long the run took that published the last version."),
    Metric(
        "augmill_schedule_interval_seconds",
        GAUGE,
        _D,
        "The longest time between two runs that the policy's schedule leaves; no series without a schedule.",
    ),
    # Service levels.
    Metric("augmill_service_level_ratio", GAUGE, _LEVEL, "A service level of the last version; unitless."),
    Metric(
        "augmill_service_level_target_ratio",
        GAUGE,
        _LEVEL,
        "What the service level must at least be (storage_increase: at most); no series without a target.",
    ),
    Metric("augmill_service_level_met", GAUGE, _LEVEL, "1 if the last version met the target, 0 if not."),
    Metric("augmill_service_level_measured", GAUGE, _LEVEL, "1 if the last version was measured, 0 if not."),
    Metric(
        "augmill_service_level_events_total",
        COUNTER,
        ("dataset", "service_level", "result"),
        "Events for and against a service level, `good` or `bad`: runs, children planned, rows read, children judged.",
    ),
    Metric(
        "augmill_transform_latency_seconds",
        GAUGE,
        ("dataset", "transform", "percentile"),
        "CPU seconds per child of each step's chain of transforms, in the last version.",
    ),
    # What the last run did and cost.
    Metric("augmill_stage_duration_seconds", GAUGE, ("dataset", "stage"), "Wall time of each stage."),
    Metric("augmill_stage_cpu_seconds", GAUGE, ("dataset", "stage"), "CPU time of each stage, workers included."),
    Metric("augmill_run_cpu_seconds", GAUGE, _D, "CPU time of the run that published the last version."),
    Metric("augmill_run_cost", GAUGE, ("dataset", "currency"), "Money that run cost, at the policy's price."),
    Metric("augmill_cpu_seconds_total", COUNTER, _D, "CPU time of all runs that published."),
    Metric("augmill_cost_total", COUNTER, ("dataset", "currency"), "Money that all runs cost, at the policy's price."),
    Metric("augmill_written_bytes_total", COUNTER, _D, "Bytes of files that versions added to the table."),
    # What the last version holds.
    Metric("augmill_version", GAUGE, _D, "Number of the last version; versions count from 0."),
    Metric("augmill_version_published_timestamp_seconds", GAUGE, _D, "When the last version was published."),
    Metric("augmill_version_rows", GAUGE, ("dataset", "split", "origin"), "Rows of the last version."),
    Metric("augmill_version_quarantined_rows", GAUGE, _D, "Rows of the source that failed the schema."),
    Metric("augmill_version_dropped_rows", GAUGE, _D, "Children that a check dropped."),
    Metric(
        "augmill_version_bytes",
        GAUGE,
        ("dataset", "part"),
        "Bytes of the version's files: of `real` rows, of `made` ones, and `new` in this version.",
    ),
    Metric(
        "augmill_version_smallest_class_ratio",
        GAUGE,
        ("dataset", "rows"),
        "Share of the smallest class among training rows: `real` ones, and `all`.",
    ),
    Metric("augmill_channel_version", GAUGE, ("dataset", "channel"), "Which version a channel names."),
    Metric(
        "augmill_channel_moves_total",
        COUNTER,
        ("dataset", "channel", "reason"),
        "Moves of a channel: `published`, `promoted`, `rolled_back`.",
    ),
    # Checks and gates.
    Metric("augmill_check_passed", GAUGE, ("dataset", "check"), "1 if the last run passed the check or gate, else 0."),
    Metric("augmill_check_observed", GAUGE, ("dataset", "check"), "The figure of the check, where it has one."),
    Metric("augmill_checks_failed_total", COUNTER, _D, "Checks and gates that did not pass, over all runs."),
    # Lineage and telemetry itself.
    Metric("augmill_spooled_records", GAUGE, _D, "Records that wait for MLflow."),
    Metric("augmill_spool_oldest_timestamp_seconds", GAUGE, _D, "Since when the oldest of them waits."),
    Metric("augmill_build_info", GAUGE, ("dataset", "version"), "Always 1; which augmill did the last run."),
    Metric("augmill_exported_timestamp_seconds", GAUGE, _D, "When these figures were written."),
    Metric("augmill_series_left_off", GAUGE, _D, "Series left off because there would be too many."),
    # What only the exporter sees.
    Metric(
        "augmill_component_up",
        GAUGE,
        ("component",),
        "1 if it answers in time: Prefect's API, MLflow, the lake.",
        "exporter",
    ),
    Metric("augmill_workers_online", GAUGE, ("work_pool",), "Prefect workers with a recent heartbeat.", "exporter"),
    Metric("augmill_late_runs", GAUGE, (), "Scheduled runs whose time is past and that no worker took.", "exporter"),
    Metric("augmill_disk_free_bytes", GAUGE, ("folder",), "Free space of `home` and of a local `lake`.", "exporter"),
    Metric(
        "augmill_disk_size_bytes", GAUGE, ("folder",), "Size of the disk of `home` and of a local `lake`.", "exporter"
    ),
    Metric("augmill_exporter_build_info", GAUGE, ("version",), "Always 1; which augmill the exporter is.", "exporter"),
    Metric(
        "augmill_exporter_scrape_seconds", GAUGE, (), "How long the exporter took to look at everything.", "exporter"
    ),
)

BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}
