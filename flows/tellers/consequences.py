"""What else there is to tell: checks that failed a run, channels that it moved."""

from __future__ import annotations

from flows.settings import Settings
from tasks.telemetry.consequences import consequences
from tasks.telemetry.happening import Happening


def tell(happening: Happening, _: Settings) -> list[Happening]:
    """What the happening contains and deserves to be told by itself."""
    return list(consequences(happening))
