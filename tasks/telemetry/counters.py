"""The tally of a dataset: counters over all its runs, what the recent ones did for error budgets, and the figures of
its last version, as one JSON document.

It is folded from events; an event that was counted before changes nothing. A version counts once, whether its run told
of it or was killed and a later run found it published.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from augmill.tasks.telemetry.budget import Burn, Level, Reading, added, burns, levels_of_failure, reading_of, success
from augmill.tasks.telemetry.dataset_event import OUTSIDE
from augmill.tasks.telemetry.metric_catalogue import NOT_COUNTED, SUCCEEDED

Counters = dict[str, Any]

REMEMBERED = 256
"""Ids of events that are told apart from new ones; a run tells of itself within hours."""

SIGN_SECONDS = 210.0
"""A run whose sign of life is older than this was killed: three minutes, and some for clocks that differ."""

BEGIN_SECONDS = 900.0
"""A run without any sign may still be looking at its source for so long."""


@dataclass(frozen=True)
class LakeState:
    """What the lake itself says of a dataset: excerpts of versions of which nobody told, in order; the moves of each
    channel since the last look, and the last one; when the signs of life of runs were last written, by run id; and
    how many records wait for MLflow, since when."""

    versions: tuple[Mapping[str, Any], ...] = ()
    moves: Mapping[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    signs: Mapping[str, float] = field(default_factory=dict)
    spooled: int = 0
    oldest: float | None = None


def empty() -> Counters:
    """The counters of a dataset without any event."""
    return {
        "runs": {},
        "started": 0,
        "open": {},
        "events": {},
        "cpu_seconds": 0.0,
        "written_bytes": 0,
        "cost": {},
        "checks_failed": 0,
        "channels": {},
        "spool": {"waiting": 0, "oldest": None},
        "counted": None,
        "last": None,
        "times": {},
        "succeeded": None,
        "failed": [],
        "build": "",
        "interval": None,
        "readings": [],
        "burning": [],
        "heard": [],
    }


def fold(tally: Counters, event: Mapping[str, Any]) -> Counters:
    """The tally after the event; the one given stays as it is."""
    if event["id"] in tally["heard"] or _is_a_slip(tally, event):
        return tally
    after = copy.deepcopy(tally)
    after["heard"] = [*tally["heard"], event["id"]][-REMEMBERED:]
    after["build"] = event["build"]
    if event["kind"] == "run.started":
        after["started"] += 1
        after["open"][event["run_id"]] = event["at"]
        after["interval"] = event["interval"]
        _latest(after, "started", event["at"])
    elif "outcome" in event:
        _end(after, event)
    return after


def newly_burning(before: Counters, after: Counters) -> list[Burn]:
    """The error budgets that burn after what was counted, and did not before."""
    return [burn for burn in _burns(after) if burn.name not in before["burning"]]


def merge_lake_state(tally: Counters, lake_state: LakeState, now: float, current_run_id: str = "") -> Counters:
    """The counters after a look at the lake, which shows runs that were killed before they could report.

    `current_run_id` names a run that is reporting right now: it is not counted as lost.
    """
    after = _until(tally, now)
    for version in lake_state.versions:
        _count_version(after, version)
    for channel, moves in lake_state.moves.items():
        _count_moves(after, channel, moves)
    after["spool"] = {"waiting": lake_state.spooled, "oldest": lake_state.oldest}
    for run_id, began in list(after["open"].items()):
        sign = lake_state.signs.get(run_id)
        if run_id == current_run_id:
            continue
        if (now - began > BEGIN_SECONDS) if sign is None else (now - sign > SIGN_SECONDS):
            del after["open"][run_id]
            _count_outcome(after, "lost", began if sign is None else sign)
            # Found now, when later runs may have been read already: readings are in the order of their times.
            _keep_reading(after, {"at": now, "run_id": run_id, "levels": [asdict(success(False))]})
    return after


def _until(tally: Counters, now: float) -> Counters:
    """A copy without a time of the future: what a clock that was ahead once has noted must not stay the latest."""
    after = copy.deepcopy(tally)
    for times in (after["times"], after["open"]):
        times.update({name: min(at, now) for name, at in times.items()})
    return after


def _keep_reading(tally: Counters, event: Mapping[str, Any]) -> None:
    """Keep what a run did for its error budgets, for as long as they look back."""
    earlier = [reading_of(reading) for reading in tally["readings"]]
    levels = [Level(**level) for level in event["levels"]] if "levels" in event else levels_of_failure(event, earlier)
    readings = added(earlier, Reading(event["at"], event["run_id"], tuple(levels)))
    tally["readings"] = [
        asdict(reading) | {"levels": [asdict(level) for level in reading.levels]} for reading in readings
    ]
    tally["burning"] = [burn.name for burn in _burns(tally)]


def _burns(tally: Counters) -> list[Burn]:
    readings = [reading_of(reading) for reading in tally["readings"]]
    return burns(readings, readings[-1].at) if readings else []


def _is_a_slip(tally: Counters, event: Mapping[str, Any]) -> bool:
    """A name or a policy mistyped at a terminal, of a dataset that never was: no run that anybody waits for."""
    return event.get("outcome") == "policy_error" and event["run_id"] == OUTSIDE and not tally["started"]


def _end(tally: Counters, event: Mapping[str, Any]) -> None:
    outcome = event["outcome"]
    if event["run_id"] == OUTSIDE:  # it ended before its flow began
        tally["started"] += 1
        _latest(tally, "started", event["at"])
    tally["open"].pop(event["run_id"], None)
    _count_outcome(tally, outcome, event["at"])
    if outcome not in NOT_COUNTED:
        _keep_reading(tally, event)
    tally["failed"] = list(event.get("failed", ()))
    if outcome in SUCCEEDED:
        _latest(tally, "success", event["at"])
        _count_version(tally, event["version"])
    else:
        tally["checks_failed"] += len(tally["failed"])


def _count_outcome(tally: Counters, outcome: str, at: float) -> None:
    _add(tally["runs"], outcome, 1)
    if outcome not in NOT_COUNTED:
        _events(tally, "run_success", int(outcome in SUCCEEDED), int(outcome not in SUCCEEDED))
    if at >= tally["times"].get("ended", 0.0):
        tally["succeeded"] = outcome in SUCCEEDED
    _latest(tally, "ended", at)


def _count_version(tally: Counters, version: Mapping[str, Any]) -> None:
    """Count what a version made, once; older versions than the last that was counted are known."""
    if tally["counted"] is not None and version["number"] <= tally["counted"]:
        return
    tally["counted"], tally["last"] = version["number"], dict(version)
    steps = version["steps"]
    if "planned" in steps and "made" in steps:
        _events(tally, "augmentation_success_rate", steps["made"], steps["planned"] - steps["made"])
    if version["real"] is not None and version["quarantined"] is not None:
        _events(tally, "sample_validity", version["real"], version["quarantined"])
    if "judged" in steps and "contradicted" in steps:
        _events(tally, "label_consistency", steps["judged"] - steps["contradicted"], steps["contradicted"])
    tally["checks_failed"] += sum(not check["success"] for check in version["checks"])
    tally["cpu_seconds"] += version["cpu_seconds"] or 0.0
    tally["written_bytes"] += version["storage"].get("new_bytes") or 0
    if version["money"] is not None:
        _add(tally["cost"], version["currency"] or "money", version["money"])


def _count_moves(tally: Counters, channel: str, moves: list[Mapping[str, Any]]) -> None:
    channel_counts = tally["channels"].setdefault(channel, {"number": 0, "version": None, "moves": {}})
    for move in sorted(moves, key=lambda move: move["number"]):
        channel_counts["version"] = move["version"]
        if move["number"] > channel_counts["number"]:
            channel_counts["number"] = move["number"]
            _add(channel_counts["moves"], str(move["reason"]).replace(" ", "_"), 1)


def _events(tally: Counters, level: str, good: int, bad: int) -> None:
    counts = tally["events"].setdefault(level, {"good": 0, "bad": 0})
    counts["good"] += max(good, 0)
    counts["bad"] += max(bad, 0)


def _latest(tally: Counters, name: str, at: float) -> None:
    """Times go forward only: events may arrive late, from a run that had to wait for the lake."""
    tally["times"][name] = max(at, tally["times"].get(name, 0.0))


def _add(counts: dict[str, Any], name: str, amount: float) -> None:
    counts[name] = counts.get(name, 0) + amount
