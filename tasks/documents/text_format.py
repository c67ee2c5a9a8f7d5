"""Values, sizes and names as a person reads them, on pages, in tables and on a terminal."""

from __future__ import annotations

from typing import Any

from augmill.tasks.sanitize.control_characters import escape_controls

UNLABELLED = "(no label)"  # what tables call the one class of a dataset whose policy names no label


def value_text(value: Any) -> str:
    """A value as a person reads it: 1,234 and 0.9876; null is "not measured", a list its items."""
    if value is None:
        return "not measured"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {value_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(value_text(item) for item in value)
    return str(value)


def size_text(count: float | None) -> str:
    """Bytes as a person reads them."""
    if count is None:
        return "not measured"
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def plain(name: str) -> str:
    """An expectation's name as words."""
    return name.removeprefix("expect_").replace("_", " ")


def shortened(value: Any, limit: int) -> str:
    """Text cut in the middle, so that both the folder and the file name of a path stay readable."""
    words = str(value)
    if len(words) <= limit:
        return words
    head = (limit - 1) // 2
    return f"{words[:head]}…{words[-(limit - 1 - head) :]}"


def fenced(code: str, language: str) -> str:
    """A Markdown code block whose fence is longer than any inside the code, which holds no hidden sign."""
    code, fence = escape_controls(code), "```"
    while fence in code:
        fence += "`"
    return f"{fence}{language}\n{code.rstrip()}\n{fence}"
