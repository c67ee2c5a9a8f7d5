"""The dataset's lineage page in the lake: rewritten when a command moves a channel; a run does it when it publishes."""

from __future__ import annotations

from augmill.flows.settings import Settings
from augmill.tasks.telemetry.dataset_event import OUTSIDE, DatasetEvent


def handle(event: DatasetEvent, current: Settings) -> None:
    """Rewrite the page after a promotion or a rollback by a command."""
    if not event.kind.startswith("channel.") or event.run_id != OUTSIDE:
        return
    from augmill.tasks.storage.store import Store
    from augmill.tasks.versions.lineage_pages import write_page
    from augmill.tasks.versions.versions import Lake

    write_page(Lake(Store(current.lake)), event.dataset, int(event.at * 1000))
