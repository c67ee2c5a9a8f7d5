"""An answer of several parts, on a terminal or as Markdown for a comment on a pull request: one content, two forms."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from augmill.tasks.documents.text_format import fenced
from augmill.tasks.sanitize.control_characters import escape_controls

_CALLS = re.compile(r"((?<!\w)@(?=\w)|#(?=\d))")
"""Where GitHub and GitLab would tell a person, or link to an issue, were it not for a space without width after it."""


@dataclass(frozen=True)
class TextSection:
    """A heading, then a table, sentences or a diff. `folded`: behind a click where there is one."""

    heading: str
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    lines: Sequence[str] = ()
    diff: str = ""
    folded: bool = False


def for_terminal(headline: str, sections: Iterable[TextSection], *, width: int = 110) -> str:
    """The parts for a terminal, `width` columns wide."""
    from rich.console import Console
    from rich.text import Text

    target = io.StringIO()
    console = Console(file=target, width=width, no_color=True, highlight=False, markup=False)
    console.print(headline, soft_wrap=True)
    for section in sections:
        console.print(f"\n{section.heading}")
        if section.rows:
            console.print(_terminal_table(section))
        for line in [*section.lines, *section.diff.splitlines()]:
            console.print(Text(f"  {line}"), soft_wrap=True)
    return "\n".join(line.rstrip() for line in target.getvalue().splitlines()) + "\n"


def for_markdown(headline: str, sections: Iterable[TextSection]) -> str:
    """The parts as GitHub's Markdown, the longer ones folded; `headline` is Markdown already."""
    return "\n\n".join([f"### {headline}", *map(block, sections)]) + "\n"


def block(section: TextSection) -> str:
    """One part as Markdown."""
    body = [_markdown_table(section)] if section.rows else []
    body += ["\n".join(f"- {escaped(line)}" for line in section.lines)] if section.lines else []
    body += [fenced(section.diff, "diff")] if section.diff else []
    inner = "\n\n".join(body)
    folded = f"<details><summary>{escaped(section.heading)}</summary>\n\n{inner}\n\n</details>"
    return folded if section.folded else f"**{escaped(section.heading)}**\n\n{inner}"


def _terminal_table(section: TextSection) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=True, header_style="dim")
    for head, right in zip(section.headers, _numeric(section), strict=True):
        table.add_column(head, justify="right" if right else "left")
    for row in section.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _numeric(section: TextSection) -> list[bool]:
    """Which columns hold counts, to be set right."""
    return [all(row[at][:1].isdigit() for row in section.rows) and at > 0 for at in range(len(section.headers))]


def _markdown_table(section: TextSection) -> str:
    rule = ["---:" if right else "---" for right in _numeric(section)]
    rows = [[escaped(cell) for cell in row] for row in (section.headers, *section.rows)]
    lines = ["| " + " | ".join(row) + " |" for row in (rows[0], rule, *rows[1:])]
    return "\n".join(lines)


def escaped(value: str) -> str:
    """Text that Markdown and HTML leave as it is, on one line; it calls nobody and links to no issue."""
    plain = escape_controls(value).replace("&", "&amp;").replace("<", "&lt;").replace("\\", "\\\\")
    for mark in "|`*_[]~":
        plain = plain.replace(mark, f"\\{mark}")
    return _CALLS.sub(r"\1&#8203;", " ".join(plain.split()))
