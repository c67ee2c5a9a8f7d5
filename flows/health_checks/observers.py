"""Whether the receivers of metrics, traces and OpenLineage events can be reached; nothing is sent to them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from augmill.flows.health_answer import Answer, check_reachable, fail, ok
from augmill.flows.settings import Settings, child_environment

LOST = "Runs go on without."


def check(current: Settings) -> Iterator[Answer]:
    """Look at what the settings name, and at nothing else."""
    metrics, traces = current.observability.metrics, current.observability.traces
    if isinstance(metrics, Path):
        writable = os.access(metrics, os.W_OK | os.X_OK)
        remedy = f"Let this user write there, or correct AUGMILL_METRICS. {LOST}"
        detail = f"{metrics} can be written to" if writable else f"{metrics} cannot be written to"
        yield ok("metrics", detail) if writable else fail("metrics", detail, remedy)
    elif metrics is not None:
        yield _check_url("metrics", metrics.url, f"Start the pushgateway, or correct AUGMILL_METRICS. {LOST}")
    if traces is not None:
        yield _check_url("traces", traces.endpoint, f"Start it, or correct OTEL_EXPORTER_OTLP_ENDPOINT. {LOST}")
    openlineage = child_environment().get("OPENLINEAGE_URL")
    if current.openlineage and openlineage:
        yield _check_url("OpenLineage", openlineage, f"Start it, or correct OPENLINEAGE_URL. {LOST}")


def _check_url(name: str, url: str, remedy: str) -> Answer:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    return check_reachable(name, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), remedy)
