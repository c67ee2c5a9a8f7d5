"""Figures of checks in words: with their interval, and with the parts they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augmill.tasks.documents.text_format import value_text


def rounded(value: Any, digits: int) -> str:
    """A figure as a person reads it, to so many digits after the point."""
    return value_text(round(value, digits) if isinstance(value, float) else value)


def interval_text(check: Mapping[str, Any], digits: int = 4) -> str:
    """Between which figures the true one may lie; nothing where no interval is known."""
    low, high = check.get("interval") or (None, None)
    return "" if low is None else f"{rounded(low, digits)} to {rounded(high, digits)}"


def figure_text(check: Mapping[str, Any], digits: int = 4) -> str:
    """The figure of a check or of a part of it, with its interval where it has one."""
    between = interval_text(check, digits)
    return rounded(check.get("observed"), digits) + (f" ({between})" if between else "")


def detail_text(detail: Mapping[str, Any]) -> str:
    """A part of a figure in one line: what it is about, a word for it, the figure."""
    words = [detail["of"], detail.get("word"), figure_text(detail)]
    return " ".join(str(word) for word in words if word)
