"""Copy expectations: children add something, and do so all over the real rows."""

from __future__ import annotations

from typing import Any

from augmill.expectations.build import library

gxe: Any = library().expectations


class ExpectCopyShare(gxe.ExpectColumnMaxToBeBetween):  # type: ignore[misc]
    """Children that equal a real row, but for steps that declare copies."""

    column: str = "copy_share"
    max_value: float | None = 0.0
    description: str = "The share of children that equal a real row, from steps that do not declare copies."


class ExpectNearCopyShare(gxe.ExpectColumnMaxToBeBetween):  # type: ignore[misc]
    """Children far closer to a real row than real rows are to one another."""

    column: str = "near_copy_share"
    max_value: float | None = 0.5
    description: str = "The share of children much closer to a real row than real rows are to one another."


class ExpectCoverage(gxe.ExpectColumnMinToBeBetween):  # type: ignore[misc]
    """Real rows that have a child among their nearest neighbours."""

    column: str = "coverage"
    min_value: float | None = 0.0
    description: str = "The share of real rows that have a child in their neighbourhood."
