"""Error budgets: how fast the runs of a dataset use up the bad events that their service levels allow.

A service level of 99 % allows one bad row in a hundred: its budget, for 28 days. The burn rate is the share of bad
events over what is allowed; at 1 the budget lasts for its period, at 3 for a third of it. As in "Alerting on SLOs" of
Google's Site Reliability Workbook (chapter 5), a budget burns where the rate is high over a long window, so that one
bad row is no alarm, and lately, so that it ends when runs are good again: here, in the last run. The figures are those
of the alert BudgetBurning in `infra/prometheus/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from augmill.tasks.documents.service_levels import TARGETS
from augmill.tasks.telemetry.metric_catalogue import EVENT_LEVELS, RUN_SUCCESS_TARGET

FACTOR = 3.0
HOUR = 3600.0
PERIOD_SECONDS = 28 * 24 * HOUR
WINDOW_SECONDS = 74 * HOUR
FEWEST_BAD = 2.0
MOST_READINGS = 1000
RUN_SUCCESS = "run_success"
# 0.03 / 0.01 is no more than 3, whatever floating point makes of it.
_MARGIN = 1e-9


@dataclass(frozen=True)
class Level:
    """A service level as one run measured it. `bad`: share of bad events; `total`: how many events there were;
    `target`: the share of good events that is wanted."""

    name: str
    bad: float
    total: float
    target: float


@dataclass(frozen=True)
class Reading:
    """What one run measured; a level that it did not measure is not there. `at`: Unix seconds."""

    at: float
    run_id: str
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Burn:
    """A budget that burns. Rates are multiples of the allowed one, over the window and in the last run, None where
    nothing is allowed; `spent`: the share of the period's budget that is used up; `runs`: those in the window."""

    name: str
    target: float
    rate: float | None
    latest_rate: float | None
    spent: float | None
    runs: int


def success(good: bool) -> Level:
    """The run itself as an event."""
    return Level(RUN_SUCCESS, 0.0 if good else 1.0, 1.0, RUN_SUCCESS_TARGET)


def levels_of(document: Mapping[str, Any]) -> tuple[Level, ...]:
    """The levels of a run that published, from its document."""
    totals = _totals(document)
    measured = (
        Level(sli["name"], 1.0 - sli["observed"], totals[sli["name"]], sli["target"])
        for sli in document.get("slis", ())
        if sli["name"] in EVENT_LEVELS and sli["name"] in totals and None not in (sli["observed"], sli["target"])
    )
    return success(True), *measured


def levels_of_failure(report: Mapping[str, Any], readings: Sequence[Reading]) -> tuple[Level, ...]:
    """The levels of a run that published nothing, as far as its report has them: `rows`, `quarantined`, `failed`."""
    last = {level.name: level for reading in readings for level in reading.levels}
    levels = [success(False)]
    rows, quarantined = report.get("rows"), report.get("quarantined")
    if isinstance(rows, int) and isinstance(quarantined, int) and rows > 0:
        levels.append(Level("sample_validity", quarantined / rows, float(rows), TARGETS["sample_validity"]))
    figure = next((check.get("observed") for check in report.get("failed", ()) if _judges_labels(check)), None)
    usual = last.get("label_consistency")  # the report has the rate alone: it counts as if of as many rows as before
    if usual is not None and isinstance(figure, float | int) and 0.0 <= figure <= 1.0:
        levels.append(Level("label_consistency", 1.0 - figure, usual.total, usual.target))
    return tuple(levels)


def added(readings: Sequence[Reading], reading: Reading) -> tuple[Reading, ...]:
    """The readings of the period with the new one last. Times are capped at its time: a clock may run ahead."""
    earlier = [replace(old, at=min(old.at, reading.at)) for old in readings]
    return (*(old for old in earlier if old.at > reading.at - PERIOD_SECONDS), reading)[-MOST_READINGS:]


def reading_of(content: Mapping[str, Any]) -> Reading:
    """A reading as `asdict` has written it down."""
    return Reading(content["at"], content["run_id"], tuple(Level(**level) for level in content["levels"]))


def burns(readings: Sequence[Reading], now: float) -> list[Burn]:
    """The budgets that burn more than `FACTOR` times as fast as they may, by name. `readings` oldest first."""
    burning = []
    for name in sorted({level.name for reading in readings for level in reading.levels}):
        level_readings = [reading for reading in readings if any(level.name == name for level in reading.levels)]
        window, last = _since(level_readings, now - WINDOW_SECONDS), level_readings[-1:]
        target = next(level.target for level in level_readings[-1].levels if level.name == name)
        limit = FACTOR * (1.0 - target) + _MARGIN
        if (
            all(_bad(part, name)[0] > limit for part in (window, last))
            and _bad(window, name)[1] >= FEWEST_BAD - _MARGIN
        ):
            period = _since(level_readings, now - PERIOD_SECONDS)
            rate, latest, spent = (_rate(_bad(part, name)[0], target) for part in (window, last, period))
            burning.append(Burn(name, target, rate, latest, spent, len(window)))
    return burning


def _judges_labels(check: object) -> bool:
    return isinstance(check, Mapping) and check.get("name") == "label_consistency"


def _totals(document: Mapping[str, Any]) -> dict[str, float]:
    rows, steps = document.get("rows", {}), document.get("steps", [])
    sums = {
        "augmentation_success_rate": sum(step.get("planned", 0) for step in steps),
        "sample_validity": rows.get("real", 0) + rows.get("quarantined", 0),
        "label_consistency": sum(step.get("judged", 0) for step in steps),
    }
    return {name: float(total) for name, total in sums.items() if total > 0}


def _since(readings: Sequence[Reading], at: float) -> Sequence[Reading]:
    """Those after a moment, and the last one however old it is."""
    return [reading for reading in readings if reading.at > at] or readings[-1:]


def _bad(readings: Sequence[Reading], name: str) -> tuple[float, float]:
    """Share and number of bad events over some runs."""
    levels = list(_levels(readings, name))
    bad = sum(level.bad * level.total for level in levels)
    return bad / sum(level.total for level in levels), bad


def _levels(readings: Sequence[Reading], name: str) -> Iterator[Level]:
    return (level for reading in readings for level in reading.levels if level.name == name)


def _rate(bad: float, target: float) -> float | None:
    return round(bad / (1.0 - target), 4) if target < 1.0 else None
