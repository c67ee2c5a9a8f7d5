"""Balance expectations: the published classes have the shares that were planned."""

from __future__ import annotations

from typing import Any

from augmill.expectations.build import library

gxe: Any = library().expectations


class ExpectClassSharesAsPlanned(gxe.ExpectColumnMaxToBeBetween):  # type: ignore[misc]
    """The largest difference of a class's share between plan and version; drops count."""

    column: str = "class_share_gap"
    max_value: float | None = 0.05
    description: str = "No class's share is further from the plan than this."
