"""Leakage expectations: nothing of the validation and test rows is in what a model trains on."""

from __future__ import annotations

from typing import Any

from augmill.expectations.build import library

gxe: Any = library().expectations


class ExpectRowsInOneSplit(gxe.ExpectColumnValuesToBeInSet):  # type: ignore[misc]
    """No real row, and no group, stands in two splits."""

    column: str = "in_one_split"
    value_set: tuple[bool, ...] = (True,)
    description: str = "The same content, or the same group, never stands in two splits."


class ExpectNoCopyOfHeldOutRow(gxe.ExpectColumnValuesToBeInSet):  # type: ignore[misc]
    """No child equals a validation or test row."""

    column: str = "not_a_held_out_row"
    value_set: tuple[bool, ...] = (True,)
    description: str = "No child equals a validation or test row."
