"""Happenings and documents as runs tell them, small and fixed."""

from __future__ import annotations

from typing import Any

from augmill.tasks.telemetry.counted_event import event_of
from augmill.tasks.telemetry.dataset_event import DatasetEvent


def document(version: int = 0, **more: Any) -> dict[str, Any]:
    """What a run says of a version: 100 children planned, 98 made, 3 contradicted; 200 rows valid, 2 not."""
    return {
        "dataset": "made",
        "version": version,
        "skipped": False,
        "started_unix": 1000.0,
        "ended_unix": 1060.0,
        "rows": {
            "real": 200,
            "quarantined": 2,
            "dropped": 3,
            "by_split_origin_label": {
                "train": {"real": {"hay": 90, "reed": 30}, "synthetic": {"reed": 60}},
                "test": {"real": {"hay": 60, "reed": 20}},
            },
        },
        "classes": [{"label": "hay", "before": 90, "after": 90}, {"label": "reed", "before": 30, "after": 90}],
        "steps": [{"name": "s", "planned": 100, "made": 98, "judged": 98, "contradicted": 3, "unfamiliar": 1}],
        "checks": [
            {"name": "drop_share", "success": True, "observed": 0.03},
            {"name": "provenance_complete", "success": True, "observed": None},
            {"name": "coverage", "success": False, "observed": 0.4},
        ],
        "slis": [
            {"name": "sample_validity", "observed": 200 / 202, "target": 0.999, "ok": False, "unit": "share"},
            {"name": "privacy_score", "observed": None, "target": None, "ok": None, "unit": "score"},
        ],
        "stages": [{"name": "augment", "started_unix": 1001.0, "seconds": 20.0, "figures": {"cpu_seconds": 12.5}}],
        "latency": [{"use": "tabular.smote", "p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 4.0}],
        "usage": {"cpu_seconds": 36.0, "price_per_cpu_hour": 2.0, "currency": "EUR"},
        "storage": {"real_bytes": 1000, "total_bytes": 1500, "new_bytes": 1500},
        **more,
    }


def happening(kind: Any, run_id: str = "r1", at: float = 1000.0, **facts: Any) -> DatasetEvent:
    """Something that happened to `made`."""
    return DatasetEvent(kind, "made", run_id, at, facts)


def event(kind: Any, run_id: str = "r1", at: float = 1000.0, **facts: Any) -> dict[str, Any]:
    """The same as it is counted."""
    return event_of(happening(kind, run_id, at, **facts), "1.0")
