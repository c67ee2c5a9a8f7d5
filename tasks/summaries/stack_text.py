"""The state of the stack, as text for a person: what `augmill up` and `augmill status` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]


def started(document: Document) -> str:
    """The addresses, and what to do next."""
    head = "It is up already." if document["already"] else "Up."
    lines = [head, *(f"  {part['title']:<15} {_where(part)}" for part in document["parts"])]
    lines += [
        "",
        "`augmill deploy` registers the policies of this folder; commands here find the servers by themselves.",
    ]
    if document.get("supervisor"):
        lines += ["`augmill status` shows how it is, ctrl-C or `augmill down` stops it."]
    return "\n".join(lines) + "\n"


def shown(document: Document) -> str:
    """A table of the parts; why one is not well stands below it."""
    if not document["running"]:
        return f"Nothing is running in {document['home']}. `augmill up` starts it.\n"
    head = ("", "part", "address", "process", "up for", "restarts", "version")
    rows = [head, *(_row(part) for part in document["parts"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    ill = [part for part in document["parts"] if not part["healthy"]]
    lines += [f"{part['title']} is {part['phase']}: {part['reason'] or 'its process has ended'}." for part in ill]
    if not document["healthy"]:
        lines.append(f"The logs are in {document['logs']}.")
    return "\n".join(lines) + "\n"


def _row(part: Document) -> Sequence[str]:
    since = part["uptime_seconds"]
    return (
        "ok" if part["healthy"] else "!!",
        part["title"],
        part["page"] or part["note"],
        str(part["pid"] or "-"),
        "-" if since is None else _duration(since),
        str(part["restarts"]),
        part["version"] or "-",
    )


def _where(part: Document) -> str:
    if part["phase"] == "elsewhere":
        return f"{part['page']} (not ours)"
    return str(part["page"] or part["note"] or part["reason"])


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
