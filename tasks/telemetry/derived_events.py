"""Events that follow from another event and are published on their own: checks that failed, channels that moved.

Facts are bounded and hold no value of any row and no id of one: they go to chat rooms and mail boxes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from augmill.tasks.telemetry.budget import Burn
from augmill.tasks.telemetry.dataset_event import DatasetEvent

MOST_CHECKS = 20
LONGEST_TARGET = 80


def consequences(happening: DatasetEvent) -> Iterator[DatasetEvent]:
    """Happenings that another one contains. A run that found nothing new repeats no failed check."""
    facts = happening.facts
    if happening.kind == "run.failed" and facts["kind"] == "DataError":
        yield _with(happening, "check.failed", _refused(facts.get("report", {})) | {"version": None})
    if happening.kind == "run.published":
        failed = [check for check in facts.get("checks", ()) if not check["success"]]
        if failed:
            yield _with(happening, "check.failed", _checks(failed) | {"version": facts["version"]})
    if happening.kind in ("run.published", "run.unchanged") and facts.get("announced"):
        keys = ("dataset", "version", "table_uri")
        moved = {key: facts[key] for key in keys} | {"channel": facts["announced"], "version_before": None}
        yield _with(happening, "channel.promoted", moved | {"by": "its run"})


def measured(document: Mapping[str, Any], run_id: str, at: float, by: str) -> Iterator[DatasetEvent]:
    """What follows from the document of `augmill report-metric` or `augmill gate`: a breach, and channels gone back."""
    name = str(document["dataset"])
    if document["breaches"]:
        failed = [check for check in document["checks"] if not check["success"]]
        stay = [event["channel"] for event in document["rolled_back"] if event["to"] is None]
        facts = _checks(failed) | {"version": document["version"], "by": by, "channels_that_stay": stay}
        yield DatasetEvent("check.failed", name, run_id, at, facts)
    for event in document["rolled_back"]:
        if event["to"] is not None:
            moved = {"dataset": name, "channel": event["channel"], "version": event["to"]}
            moved |= {"version_before": event["from"], "table_uri": document["table_uri"]}
            yield DatasetEvent("channel.rolled_back", name, run_id, at, moved | {"by": by, "why": event["why"]})


def burning(happening: DatasetEvent, burn: Burn) -> DatasetEvent:
    """A budget that has begun to burn with the run of a happening."""
    return _with(happening, "budget.burning", asdict(burn))


def _with(happening: DatasetEvent, kind: Any, facts: Mapping[str, Any]) -> DatasetEvent:
    return DatasetEvent(kind, happening.dataset, happening.run_id, happening.at, facts)


def _refused(report: Mapping[str, Any]) -> dict[str, Any]:
    """The checks that kept a run from publishing, as far as its report names them."""
    failed = [check for check in report.get("failed", ()) if isinstance(check, Mapping)]
    rows = {key: report[key] for key in ("rows", "quarantined") if isinstance(report.get(key), int)}
    return _checks(failed) | rows


def _checks(failed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"failed": len(failed), "checks": [_check(check) for check in failed[:MOST_CHECKS]]}


def _check(check: Mapping[str, Any]) -> dict[str, Any]:
    """Name, figure, target: what an expectation observed may be values of rows unless it is a number."""
    figure, target = check.get("observed"), check.get("target")
    return {
        "name": str(check["name"])[:LONGEST_TARGET],
        "observed": figure if isinstance(figure, int | float) else None,
        "target": target if isinstance(target, int | float | bool) else str(target)[:LONGEST_TARGET],
        "on_failure": check.get("on_failure", "fail"),
    }
