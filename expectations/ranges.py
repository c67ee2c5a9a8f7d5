"""Range expectations: children look like the real data, value by value."""

from __future__ import annotations

from typing import Any

from augmill.expectations.build import library

gxe: Any = library().expectations


class ExpectOutOfRangeShare(gxe.ExpectColumnMaxToBeBetween):  # type: ignore[misc]
    """Children with a value outside what real rows hold."""

    column: str = "out_of_range_share"
    max_value: float | None = 0.05
    description: str = "The share of children with a value below or above every real row's."


class ExpectColumnTypesOfRealData(gxe.ExpectColumnMaxToBeBetween):  # type: ignore[misc]
    """Columns whose type differs between children and real rows."""

    column: str = "columns_of_other_type"
    max_value: float | None = 0.0
    description: str = "The number of columns whose type is not that of the real rows."
