"""Measure a version after its publication. A channel that points to a version which fails is rolled back at once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from augmill.policies.errors import DataError, PolicyError, StorageError
from augmill.policies.gates import Target
from augmill.policies.schema import Policy
from augmill.tasks.lineage.late_metrics import log_later
from augmill.tasks.lineage.payload import PREFIX
from augmill.tasks.runs.manifest import Published
from augmill.tasks.storage import channels, measurements
from augmill.tasks.storage.delta_commit import Conflict
from augmill.tasks.storage.measurements import Measurement
from augmill.tasks.storage.store import Store
from augmill.tasks.versions.promotion import check_text, refuse_overtaken, refuse_unfit
from augmill.tasks.versions.versions import Lake

REPORTED, GATES = "reported", "gates"
ATTEMPTS = 10


def find_version(lake: Lake, reference: str) -> Published:
    """The version of `DATASET@VERSION` or `DATASET@CHANNEL`. Raises PolicyError for a reference without an `@`."""
    if "@" not in reference:
        raise PolicyError(f"{reference!r} names no version", f"Name the one that was measured, as in {reference}@0.")
    return lake.find(reference)


def report(lake: Lake, published: Published, values: Mapping[str, float], *, at_ms: int, by: str) -> dict[str, Any]:
    """Store posted figures, compare them with the targets of the version's policy, and roll back on a breach."""
    targets = Policy.model_validate_json(json.dumps(published.manifest.policy)).gates.metrics
    checks = [_check_figure(name, value, targets.get(name)) for name, value in values.items()]
    return store_measurement(lake, published, REPORTED, checks, at_ms=at_ms, by=by)


def store_measurement(
    lake: Lake, published: Published, kind: str, checks: list[dict[str, Any]], *, at_ms: int, by: str
) -> dict[str, Any]:
    """Store checks beside the version; if one is breached, roll back every channel that points to the version.

    Breaches that were stored before count too: the process that posted one may have been killed before its rollback.
    """
    name = published.manifest.dataset
    # Ids of rows are not stored here: a measurement must not keep the id of a row that is forgotten later.
    bare = [{key: value for key, value in check.items() if key != "failing"} for check in checks]
    measurement = measurements.add(store_of(lake, name), published.version, kind, bare, at_ms=at_ms, by=by)
    standing = measurements.breaches(history(lake, published))
    events = _roll_back_all(lake, published, standing, at_ms=at_ms, by=by) if standing else []
    broken = standing if events else measurements.breaches([measurement])
    return {
        "dataset": name,
        "version": published.version,
        "number": measurement.number,
        "kind": kind,
        "checks": measurement.checks,
        "breaches": [check_text(check) for check in broken],
        "rolled_back": events,
        "table_uri": lake.store.sub(name).uri,
    }


def report_breaches(lake: Lake, published: Published, tracking_uri: str) -> dict[str, Any]:
    """Send every measurement that MLflow does not have yet, and the channels it rolled back, to the version's run.

    Returns the run id, or why they wait: they stay in the lake, and the next measurement sends them too.
    """
    store, link = store_of(lake, published.manifest.dataset), _mlflow_run_id(lake, published)
    if link is None:
        return {"told": 0, "waits": "the version's record has not reached MLflow yet"}
    waiting = measurements.unsent(store, published.version)
    sent_count = 0
    try:
        for measurement in waiting:
            tags = _tags(lake, published, measurement)
            log_later(tracking_uri, link, measurement.figures, tags, at_ms=measurement.at_ms, step=measurement.number)
            measurements.mark_sent(store, measurement)
            sent_count += 1
    except StorageError as fault:
        return {"told": sent_count, "waits": fault.cause}
    return {"told": sent_count, "run_id": link}


def _mlflow_run_id(lake: Lake, published: Published) -> str | None:
    run_id = (lake.record(published.manifest.dataset, published.version).get("mlflow") or {}).get("run_id")
    return str(run_id) if run_id else None


def _tags(lake: Lake, published: Published, measurement: Measurement) -> dict[str, str]:
    """MLflow tags: the channels that a measurement moved, recognized by the time of the moves, and its breaches."""
    store = lake.objects(published.manifest.dataset).sub("channels")
    tags = {}
    for channel in channels.channels(store):
        for move in channels.history(store, channel):
            if move.why and move.at_ms == measurement.at_ms:
                tags[f"{PREFIX}rolled_back.{channel}"] = f"{published.version} -> {move.version}: {move.why}"
    broken = measurements.breaches([measurement])
    return tags | ({f"{PREFIX}breaches": "; ".join(check_text(check) for check in broken)} if broken else {})


def refuse(document: Mapping[str, Any], first: str = "") -> None:
    """Raise DataError if a measurement breached a target, with the breaches and where each channel points now."""
    if not document["breaches"]:
        return
    name = f"{document['dataset']}@{document['version']}"
    lines = [f"{first}{name} breaches the targets of its policy: {'; '.join(document['breaches'])}"]
    lines += [rollback_text(document["dataset"], event) for event in document["rolled_back"]]
    if not document["rolled_back"]:
        lines.append(f"No channel names {name}, so none was moved.")
    raise DataError(
        "\n".join(lines),
        "If the figure is wrong, post the right one: the last counts. Then `augmill promote` points a channel again.",
        dict(document),
    )


def rollback_text(dataset: str, event: Mapping[str, Any]) -> str:
    """One channel in words: where it points now, or why it was not rolled back."""
    channel, version = f"{dataset}@{event['channel']}", event["from"]
    if event["to"] is None:
        return f"{channel} still is version {version}: no earlier version of it passes; promote one that does."
    return f"{channel} was rolled back from version {version} to {event['to']}: training jobs now read that."


def store_of(lake: Lake, dataset: str) -> Store:
    """The store of the measurements of a dataset."""
    return lake.objects(dataset).sub("measurements")


def history(lake: Lake, published: Published) -> list[Measurement]:
    """Every measurement of a version, oldest first."""
    return measurements.of(store_of(lake, published.manifest.dataset), published.version)


def parse_figures(pairs: tuple[str, ...]) -> dict[str, float]:
    """`name=value` arguments as figures by name. Raises PolicyError for an argument that is no figure."""
    figures: dict[str, float] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (separator and name.strip() and math.isfinite(value)):
            raise PolicyError(f"{pair!r} is no figure", "Give NAME=NUMBER, such as recall=0.83.")
        if name.strip() in figures:
            raise PolicyError(f"{name.strip()} is given twice", "Give each figure once.")
        figures[name.strip()] = value
    return figures


def _check_figure(name: str, value: float, target: Target | None) -> dict[str, Any]:
    """One posted figure as a check. Without a target it is stored and always passes."""
    check = {"name": name, "observed": value, "target": None, "success": True, "on_failure": "warn"}
    if target is None:
        return check
    low, high = target.min, target.max
    bounds = [f"{sign} {end:g}" for sign, end in ((">=", low), ("<=", high)) if end is not None]
    passed = (low is None or value >= low) and (high is None or value <= high)
    return {**check, "target": " and ".join(bounds), "success": passed, "on_failure": target.on_failure}


def _roll_back_all(
    lake: Lake, published: Published, broken: list[dict[str, Any]], *, at_ms: int, by: str
) -> list[dict[str, Any]]:
    """Roll back each channel that points to the version; the version itself does not change."""
    channel_versions = sorted(lake.channels(published.manifest.dataset).items())
    why = "; ".join(check_text(check) for check in broken)
    events = [
        _roll_back(lake, published, channel, why, at_ms, by)
        for channel, at in channel_versions
        if at == published.version
    ]
    return [event for event in events if event is not None]


def _roll_back(lake: Lake, published: Published, channel: str, why: str, at_ms: int, by: str) -> dict[str, Any] | None:
    """Point a channel back at its last earlier version that passes. None if the channel was moved in the meantime."""
    store = lake.objects(published.manifest.dataset).sub("channels")
    for _ in range(ATTEMPTS):
        moves = channels.history(store, channel)
        if not moves or moves[0].version != published.version:
            return None
        back = _last_version_that_passes(lake, published.manifest.dataset, moves)
        if back is None:
            return {"channel": channel, "from": published.version, "to": None, "why": why}
        try:
            reason = channels.ROLLED_BACK
            move = channels.move(store, channel, back.version, moves[0], at_ms=at_ms, reason=reason, run_id=by, why=why)
            refuse_overtaken(lake, back, channel, move)
        except (Conflict, DataError):
            continue  # meanwhile the channel was moved, or the version was removed or breached: try again
        return {"channel": channel, "from": published.version, "to": back.version, "why": why}
    raise Conflict(f"{channel} is moved all the time", "run the command again", transient=True)


def _last_version_that_passes(lake: Lake, dataset: str, moves: list[channels.Move]) -> Published | None:
    """The last version that the channel pointed to before and that passes; None if there is none."""
    for version in reversed(channels.trail(moves)[:-1]):
        try:
            published = lake.find(f"{dataset}@{version}")
            refuse_unfit(lake, published)
        except (DataError, PolicyError):
            continue
        return published
    return None
