"""The dataset's lineage page in the lake: drawn anew when a channel was moved, as a run does when it publishes."""

from __future__ import annotations

from augmill.flows.settings import Settings
from augmill.tasks.telemetry.dataset_event import OUTSIDE, DatasetEvent


def handle(happening: DatasetEvent, current: Settings) -> None:
    """Write the page again after a promotion or a rollback by a command: a run draws it itself."""
    if not happening.kind.startswith("channel.") or happening.run_id != OUTSIDE:
        return
    from augmill.tasks.storage.store import Store
    from augmill.tasks.versions.lineage_pages import write_page
    from augmill.tasks.versions.versions import Lake

    write_page(Lake(Store(current.lake)), happening.dataset, int(happening.at * 1000))
