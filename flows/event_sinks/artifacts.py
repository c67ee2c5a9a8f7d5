"""Prefect's own UI: tables, checks and links on the page of the run, where its server outlives the run."""

from __future__ import annotations

from augmill.flows.prefect_artifacts import artifact_client
from augmill.flows.settings import Settings
from augmill.tasks.telemetry.dataset_event import DatasetEvent

ENDS = ("run.published", "run.unchanged", "run.failed")


def handle(event: DatasetEvent, current: Settings) -> None:
    """Put the outcome of a run on its page."""
    if event.kind not in ENDS:
        return
    with artifact_client(event.run_id, current) as at:
        if at is None:
            return
        from augmill.tasks.summaries.run_artifacts import pinned

        for name, kind, data, description in pinned(event):
            at.put(f"{event.dataset}-{name}", kind, data, description)
