"""Events that follow from another event: checks that failed a run, channels that it moved."""

from __future__ import annotations

from augmill.flows.settings import Settings
from augmill.tasks.telemetry.dataset_event import DatasetEvent
from augmill.tasks.telemetry.derived_events import consequences


def handle(event: DatasetEvent, _: Settings) -> list[DatasetEvent]:
    """The events that follow from this one."""
    return list(consequences(event))
