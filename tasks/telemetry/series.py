"""From a tally to the series of one dataset: each a metric of the catalogue, its labels and a figure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from augmill.tasks.telemetry.counters import Counters
from augmill.tasks.telemetry.metric_catalogue import (
    BY_NAME,
    EVENT_LEVELS,
    MOST_SERIES,
    MOST_SIGNS,
    MOST_VALUES,
    OUTCOMES,
    PERCENTILES,
    RATIO_LEVELS,
    RUN_SUCCESS_TARGET,
)

Figures = Iterator[tuple[str, tuple[str, ...], float | None]]


@dataclass(frozen=True)
class Series:
    """One series; `labels` in the order of the metric's."""

    name: str
    labels: tuple[str, ...]
    value: float


@dataclass
class Bound:
    """Lets through so many different values of a label, per metric, and so many series in all."""

    values_by_label: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    admitted: set[tuple[str, ...]] = field(default_factory=set)
    count: int = 0
    left_off: int = 0

    def admits(self, name: str, labels: tuple[str, ...]) -> bool:
        """Whether one more series may be; it is counted either way."""
        key = (name, *labels)
        fits = self.count < MOST_SERIES and key not in self.admitted  # texts that were cut may have become one
        pairs = zip(BY_NAME[name].labels, labels, strict=True)
        fits = fits and all(self._fits(name, label, value) for label, value in pairs)
        self.admitted.add(key)
        self.count += fits
        self.left_off += not fits
        return fits

    def _fits(self, name: str, label: str, value: str) -> bool:
        values = self.values_by_label.setdefault((name, label), set())
        if value not in values and len(values) >= MOST_VALUES.get(label, MOST_SERIES):
            return False
        values.add(value)
        return True


def series_of(dataset: str, tally: Counters, now: float) -> list[Series]:
    """Every series of a dataset, at most `MOST_SERIES` and two. What was not measured has none."""
    bound, samples = Bound(), []
    for name, rest, value in _all(tally):
        if value is None or not math.isfinite(value):
            continue
        labels = (dataset, *(text[:MOST_SIGNS] for text in rest))
        if bound.admits(name, labels):
            samples.append(Series(name, labels, float(value)))
    samples.append(Series("augmill_series_left_off", (dataset,), float(bound.left_off)))
    samples.append(Series("augmill_exported_timestamp_seconds", (dataset,), now))
    return samples


def _all(tally: Counters) -> Figures:
    """All series, those that alerts stand on first: what is over the bound is left off at the end."""
    yield from _runs(tally)
    yield from _budgets(tally)
    yield "augmill_schedule_interval_seconds", (), tally["interval"]
    yield "augmill_spooled_records", (), tally["spool"]["waiting"]
    yield "augmill_spool_oldest_timestamp_seconds", (), tally["spool"]["oldest"]
    yield "augmill_checks_failed_total", (), tally["checks_failed"]
    yield from _totals(tally)
    if tally["last"] is not None:
        yield from _levels(tally["last"])
        yield from _version(tally["last"])
    yield from _channels(tally["channels"])
    yield from _checks(tally)
    if tally["last"] is not None:
        yield from _stages(tally["last"])
        yield from _latency(tally["last"])


def _runs(tally: Counters) -> Figures:
    times = tally["times"]
    for outcome in OUTCOMES:  # zeros too, so that the first of a kind is an increase
        yield "augmill_runs_total", (outcome,), tally["runs"].get(outcome, 0)
    yield "augmill_runs_started_total", (), tally["started"]
    yield "augmill_runs_in_progress", (), len(tally["open"])
    yield "augmill_run_last_started_timestamp_seconds", (), times.get("started")
    yield "augmill_run_last_ended_timestamp_seconds", (), times.get("ended")
    yield "augmill_run_last_success_timestamp_seconds", (), times.get("success")
    yield "augmill_run_last_succeeded", (), tally["succeeded"]
    yield "augmill_build_info", (tally["build"],), 1.0 if tally["build"] else None


def _budgets(tally: Counters) -> Figures:
    for level in EVENT_LEVELS:
        counts = tally["events"].get(level, {"good": 0, "bad": 0})
        for result in ("good", "bad"):
            yield "augmill_service_level_events_total", (level, result), counts[result]
    yield "augmill_service_level_target_ratio", ("run_success",), RUN_SUCCESS_TARGET


def _totals(tally: Counters) -> Figures:
    yield "augmill_cpu_seconds_total", (), tally["cpu_seconds"]
    yield "augmill_written_bytes_total", (), tally["written_bytes"]
    for currency, money in sorted(tally["cost"].items()):
        yield "augmill_cost_total", (currency,), money


def _levels(last: Mapping[str, Any]) -> Figures:
    levels = {level["name"]: level for level in last["slis"]}
    for name in RATIO_LEVELS:
        level = levels.get(name, {"observed": None, "target": None, "ok": None})
        yield "augmill_service_level_measured", (name,), level["observed"] is not None
        yield "augmill_service_level_ratio", (name,), level["observed"]
        yield "augmill_service_level_target_ratio", (name,), level["target"]
        yield "augmill_service_level_met", (name,), level["ok"]


def _version(last: Mapping[str, Any]) -> Figures:
    yield "augmill_version", (), last["number"]
    yield "augmill_version_published_timestamp_seconds", (), last["at"]
    yield "augmill_run_duration_seconds", (), last["seconds"]
    yield "augmill_run_cpu_seconds", (), last["cpu_seconds"]
    yield "augmill_run_cost", (last["currency"] or "money",), last["money"]
    yield "augmill_version_quarantined_rows", (), last["quarantined"]
    yield "augmill_version_dropped_rows", (), last["dropped"]
    for where, count in sorted(last["rows"].items()):
        split, _, origin = where.partition("/")
        yield "augmill_version_rows", (split, origin), count
    for part, value in _bytes(last["storage"]).items():
        yield "augmill_version_bytes", (part,), value
    for rows, share in last["smallest"].items():
        yield "augmill_version_smallest_class_ratio", (rows,), share


def _bytes(storage: Mapping[str, Any]) -> dict[str, float | None]:
    real, total = storage.get("real_bytes"), storage.get("total_bytes")
    child_bytes = None if real is None or total is None else total - real
    return {"real": real, "made": child_bytes, "new": storage.get("new_bytes")}


def _channels(channels: Mapping[str, Any]) -> Figures:
    for channel, counts in sorted(channels.items()):
        yield "augmill_channel_version", (channel,), counts["version"]
        for reason in ("published", "promoted", "rolled_back"):
            yield "augmill_channel_moves_total", (channel, reason), counts["moves"].get(reason, 0)


def _checks(tally: Counters) -> Figures:
    """The checks of the last version, under those that failed in a run since; failures first, should they be many."""
    last = {check["name"]: check for check in (tally["last"] or {}).get("checks", ())}
    checks = last | {check["name"]: check for check in tally["failed"]}
    ordered = sorted(checks.values(), key=lambda check: (check["success"], check["name"]))
    yield from _each("augmill_check_passed", ((check["name"], check["success"]) for check in ordered))
    yield from _each("augmill_check_observed", ((check["name"], check["observed"]) for check in ordered))


def _stages(last: Mapping[str, Any]) -> Figures:
    yield from _each("augmill_stage_duration_seconds", ((stage["name"], stage["seconds"]) for stage in last["stages"]))
    yield from _each("augmill_stage_cpu_seconds", ((stage["name"], stage["cpu"]) for stage in last["stages"]))


def _latency(last: Mapping[str, Any]) -> Figures:
    by_use = {entry["use"]: entry for entry in last["latency"]}  # of two steps of one chain, the last
    for use, timing in by_use.items():
        for percentile in PERCENTILES:
            yield "augmill_transform_latency_seconds", (use, percentile), timing[f"p{percentile}_ms"] / 1e3


def _each(name: str, figures: Iterable[tuple[str, float | None]]) -> Figures:
    for label, value in figures:
        yield name, (label,), value
