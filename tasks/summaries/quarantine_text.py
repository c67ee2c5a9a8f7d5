"""What waits in quarantine, for a person: answer of `augmill quarantine`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def text(document: Mapping[str, Any]) -> str:
    """Counts, then reasons, most rows first, each with where a few of its rows are and what they hold."""
    return "".join(f"{line}\n" for line in _lines(document))


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    name, rows, children = document["dataset"], document["rows"], document["children"]
    if not any(rows.values()) and not children["rows"]:
        yield f"{name}: nothing was ever refused."
        return
    yield f"{name}: {_counted(rows['waiting'])} in quarantine."
    yield from _reasons(document["reasons"], examples=True)
    for past in document["past"]:
        if rows[past["status"]]:
            yield f"{_counted(rows[past['status']])} refused before, {_SINCE[past['status']]}:"
            yield from _reasons(past["reasons"])
    if children["rows"]:
        yield f"{children['rows']:,} x a child that the checks rejected, with nothing to mend at the source:"
        yield from _reasons(children["reasons"])
    if rows["waiting"]:
        yield "Mend them at the source: the next run takes them in. --export FILE writes all there is of them."


_SINCE = {"taken in": "mended and taken in since", "gone": "no longer in the source"}


def _reasons(reasons: list[Mapping[str, Any]], *, examples: bool = False) -> Iterator[str]:
    for reason in reasons:
        yield f"  {reason['rows']:,} x {reason['reason']}"
        for example in reason["examples"] if examples else ():
            yield f"      {example['object']} row {example['row']}: {example['content']}"


def _counted(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
