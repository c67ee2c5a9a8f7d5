"""What is counted of a happening: a small JSON document without rows, classes, paths or messages."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from augmill.tasks.telemetry.budget import Level, levels_of, success
from augmill.tasks.telemetry.dataset_event import OUTSIDE, DatasetEvent, stopped

Document = dict[str, Any]

_BY_EXIT_CODE = {2: "policy_error", 3: "data_error", 4: "storage_error", 130: "interrupted"}


def event_of(happening: DatasetEvent, build: str, interval: float | None = None) -> Document:
    """The happening as the tally takes it. Told twice, it has the same `id`.

    `build`: the version of augmill; `interval`: the longest time between two runs by schedule, of a run that starts.
    """
    facts = happening.facts
    event: Document = {
        "id": _id(happening),
        "kind": happening.kind,
        "run_id": happening.run_id,
        "at": happening.at,
        "build": build,
    }
    if happening.kind == "run.started":
        event["interval"] = interval
    elif happening.kind == "run.failed":
        report = facts.get("report") or {}
        outcome = "interrupted" if stopped(happening) else _BY_EXIT_CODE.get(facts.get("exit_code", 1), "crashed")
        event |= {"outcome": outcome, "failed": _checks(report.get("failed") or [])}
        event |= {name: report.get(name) for name in ("rows", "quarantined")}
    elif happening.kind in ("run.published", "run.unchanged"):
        event |= {"outcome": happening.kind.partition(".")[2], "version": excerpt(facts)}
        event["levels"] = [asdict(level) for level in _levels(happening)]
    return event


def _levels(happening: DatasetEvent) -> tuple[Level, ...]:
    """What a run that ended well did for error budgets; one that found nothing new has made no rows."""
    return levels_of(happening.facts) if happening.kind == "run.published" else (success(True),)


def excerpt(document: Mapping[str, Any]) -> Document:
    """The figures of a version's document that become metrics; what was not measured is absent."""
    rows = document.get("rows") or {}
    usage = document.get("usage") or {}
    return {
        "number": document["version"],
        "at": document.get("ended_unix"),
        "seconds": _last_stage_end(document),
        "slis": [
            {key: level[key] for key in ("name", "observed", "target", "ok")} for level in document.get("slis") or []
        ],
        "stages": [
            {"name": stage["name"], "seconds": stage["seconds"], "cpu": (stage.get("figures") or {}).get("cpu_seconds")}
            for stage in document.get("stages") or []
        ],
        "latency": list(document.get("latency") or []),
        "rows": {
            f"{split}/{origin}": sum(labels.values())
            for split, origins in (rows.get("by_split_origin_label") or {}).items()
            for origin, labels in origins.items()
        },
        "quarantined": rows.get("quarantined"),
        "dropped": rows.get("dropped"),
        "real": rows.get("real"),
        "steps": _sums(document.get("steps") or []),
        "storage": dict(document.get("storage") or {}),
        "smallest": _smallest(document.get("classes") or []),
        "checks": _checks(document.get("checks") or []),
        "cpu_seconds": usage.get("cpu_seconds"),
        "money": _money(usage),
        "currency": usage.get("currency"),
    }


def _id(happening: DatasetEvent) -> str:
    parts = [happening.kind, happening.run_id]
    if happening.run_id == OUTSIDE or not happening.kind.startswith("run."):
        parts.append(repr(happening.at))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _last_stage_end(document: Mapping[str, Any]) -> float | None:
    """From the run's start to the end of what the document covers; `seconds` of the command holds its start too."""
    start, end = document.get("started_unix"), document.get("ended_unix")
    return None if start is None or end is None else float(end) - float(start)


def _sums(steps: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Children over all steps; a figure that a step lacks is no zero, and leaves the sum out."""
    keys = ("planned", "made", "judged", "contradicted")
    return {key: sum(step[key] for step in steps) for key in keys if steps and all(key in step for step in steps)}


def _smallest(classes: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    smallest_shares = {}
    for name, key in (("real", "before"), ("all", "after")):
        counts = [row[key] for row in classes]
        if sum(counts):
            smallest_shares[name] = min(counts) / sum(counts)
    return smallest_shares


def _checks(checks: Sequence[Mapping[str, Any]]) -> list[Document]:
    return [
        {"name": str(check["name"]), "success": bool(check["success"]), "observed": _figure(check.get("observed"))}
        for check in checks
    ]


def _figure(value: Any) -> float | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if plain else None


def _money(usage: Mapping[str, Any]) -> float | None:
    cpu, price = usage.get("cpu_seconds"), usage.get("price_per_cpu_hour")
    return None if cpu is None or price is None else cpu / 3600.0 * price
