"""What else there is to tell: checks that failed a run, channels that it moved."""

from __future__ import annotations

from augmill.flows.settings import Settings
from augmill.tasks.telemetry.dataset_event import DatasetEvent
from augmill.tasks.telemetry.derived_events import consequences


def handle(happening: DatasetEvent, _: Settings) -> list[DatasetEvent]:
    """What the happening contains and deserves to be told by itself."""
    return list(consequences(happening))
