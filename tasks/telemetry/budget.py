"""Error budgets: how fast the runs of a dataset use up the bad events that their service levels allow.

A service level of 99 % allows one bad row in a hundred: its budget. The burn rate is the share of bad rows over
what is allowed; at 1 the budget lasts exactly its period, at 3 a third of it. Following "Alerting on SLOs" in Google's
Site Reliability Workbook (chapter 5), a budget burns if the rate is high over a long window, so that one row is no
alarm, and over a short one, so that it ends when runs are good again. Batch runs come as they come, so a window is of
hours and of a fewest number of runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.lineage.slis import AT_MOST, TARGETS

FACTOR = 3.0
HOUR = 3600.0
PERIOD_SECONDS = 30 * 24 * HOUR
LONG, SHORT = (24 * HOUR, 4), (2 * HOUR, 1)
"""Seconds, and how many of the last runs count even if they are older."""


@dataclass(frozen=True)
class Level:
    """A service level as one run measured it. `bad`: share of bad events; `total`: how many events there were, None
    where only the share is known; `target`: the share of good events that is wanted."""

    name: str
    bad: float
    total: float | None
    target: float


@dataclass(frozen=True)
class Reading:
    """What one run measured; a level that it did not measure is not there. `at`: Unix seconds."""

    at: float
    run_id: str
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Burn:
    """A budget that burns. Rates are multiples of the allowed one, None where nothing is allowed; `spent`: the share
    of the period's budget that is gone."""

    name: str
    target: float
    rate: float | None
    latest_rate: float | None
    spent: float | None
    runs: int


def levels_of(document: Mapping[str, Any]) -> tuple[Level, ...]:
    """The levels of a run that published, from its document; only shares of good events have a budget."""
    totals = _totals(document)
    return tuple(
        Level(sli["name"], 1.0 - sli["observed"], totals.get(sli["name"]), sli["target"])
        for sli in document.get("slis", ())
        if sli["unit"] == "share" and not sli["name"].startswith(AT_MOST)
        if sli["observed"] is not None and sli["target"] is not None
    )


def levels_of_failure(report: Mapping[str, Any], known: Sequence[Reading]) -> tuple[Level, ...]:
    """The levels of a run that published nothing, as far as the report of its DataError has them."""
    targets = {**TARGETS, **{level.name: level.target for reading in known for level in reading.levels}}
    found = []
    rows, quarantined = report.get("rows"), report.get("quarantined")
    if isinstance(rows, int) and isinstance(quarantined, int) and rows > 0:
        found.append(Level("sample_validity", quarantined / rows, float(rows), targets["sample_validity"]))
    for name in ("label_consistency", "drift_coverage"):
        for check in report.get("failed", ()):
            figure = check.get("observed") if isinstance(check, Mapping) and check.get("name") == name else None
            if isinstance(figure, float | int) and 0.0 <= figure <= 1.0:
                found.append(Level(name, 1.0 - figure, None, targets[name]))
    return tuple(found)


def burns(readings: Sequence[Reading], now: float) -> list[Burn]:
    """The budgets that burn more than `FACTOR` times as fast as they may, by name. `readings` oldest first."""
    found = []
    for name in sorted({level.name for reading in readings for level in reading.levels}):
        mine = [reading for reading in readings if any(level.name == name for level in reading.levels)]
        long, short = (_window(mine, now, *window) for window in (LONG, SHORT))
        target = next(level.target for level in mine[-1].levels if level.name == name)
        if all(_bad(part, name) > FACTOR * (1.0 - target) + 1e-12 for part in (long, short)):
            period = _since(mine, now - PERIOD_SECONDS)
            rate, latest, spent = (_rate(_bad(part, name), target) for part in (long, short, period))
            found.append(Burn(name, target, rate, latest, spent, len(long)))
    return found


def _totals(document: Mapping[str, Any]) -> dict[str, float]:
    rows, steps = document.get("rows", {}), document.get("steps", [])
    sums = {
        "augmentation_success_rate": sum(step.get("planned", 0) for step in steps),
        "sample_validity": rows.get("real", 0) + rows.get("quarantined", 0),
        "label_consistency": sum(step.get("judged", 0) for step in steps),
    }
    return {name: float(total) for name, total in sums.items() if total > 0}


def _window(readings: Sequence[Reading], now: float, seconds: float, fewest: int) -> Sequence[Reading]:
    recent = _since(readings, now - seconds)
    return recent if len(recent) >= fewest else readings[-fewest:]


def _since(readings: Sequence[Reading], at: float) -> Sequence[Reading]:
    return [reading for reading in readings if reading.at > at] or readings[-1:]


def _bad(readings: Sequence[Reading], name: str) -> float:
    """The share of bad events over some runs. A run that only knows its share counts as one of usual size."""
    levels = list(_levels(readings, name))
    known = [level.total for level in levels if level.total is not None]
    usual = sum(known) / len(known) if known else 1.0
    weights = [usual if level.total is None else level.total for level in levels]
    return sum(level.bad * weight for level, weight in zip(levels, weights, strict=True)) / sum(weights)


def _levels(readings: Sequence[Reading], name: str) -> Iterator[Level]:
    return (level for reading in readings for level in reading.levels if level.name == name)


def _rate(bad: float, target: float) -> float | None:
    return round(bad / (1.0 - target), 4) if target < 1.0 else None
