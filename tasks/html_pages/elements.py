"""Self-contained HTML and SVG by hand: everything from the data is escaped, nothing is loaded from anywhere."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from html import escape as _escape
from typing import Any

from augmill.tasks.documents.text_format import shortened, value_text
from augmill.tasks.sanitize.control_characters import escape_controls

INK, FAINT, LINE, PAPER = "#1f2933", "#5b6770", "#cbd2d9", "#ffffff"
REAL, AUGMENTED, SYNTHETIC = "#4c78a8", "#f28e2b", "#59a14f"
GOOD, WARN, BAD = "#2e7d32", "#a15c00", "#c62828"
SHORT = 16  # characters of a table's cell that stay on one line
LONGEST = 1_000  # characters of a value in a table; names of classes and columns come from the data
ORIGIN_COLOURS = {"real": REAL, "augmented": AUGMENTED, "synthetic": SYNTHETIC}

_NO_NETWORK = "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
_PERCENT = re.compile(r"[0-9]+(\.[0-9]+)?%")
_TAGS = re.compile(r"<[^>]*>")
_FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"

_STYLE = f"""
:root {{ color-scheme: light dark; }}
body {{ font: 14px/1.45 {_FONT}; color: {INK}; background: {PAPER}; margin: 1.5rem auto; max-width: 72rem;
  padding: 0 1.25rem; overflow-wrap: break-word; }}
h1 {{ font-size: 1.6rem; margin: 0 0 .25rem; }}
h2 {{ font-size: 1.1rem; margin: 1.75rem 0 .5rem; }}
p.lead {{ color: {FAINT}; margin: 0 0 1rem; }}
table {{ border-collapse: collapse; margin: .25rem 0 .75rem; }}
th, td {{ text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid {LINE}; vertical-align: top; }}
th {{ font-weight: 600; white-space: nowrap; }}
td {{ overflow-wrap: anywhere; min-width: 11rem; }}
td.n, td.s {{ white-space: nowrap; min-width: 0; }}
td.n, th.n {{ text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal; }}
code, pre {{ font: 12.5px/1.45 ui-monospace, 'DejaVu Sans Mono', monospace; }}
pre {{ background: #f5f7fa; border: 1px solid {LINE}; border-radius: 4px; padding: .7rem .9rem; overflow-x: auto; }}
.good {{ color: {GOOD}; }} .bad {{ color: {BAD}; font-weight: 600; }} .warn {{ color: {WARN}; font-weight: 600; }}
.none {{ color: {FAINT}; }}
.scroll {{ overflow-x: auto; }}
svg {{ max-width: 100%; height: auto; }}
.scroll > svg {{ min-width: 30rem; }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #e4e7eb; background: #16191d; }} a {{ color: #8ab4f8; }}
  th, td, pre {{ border-color: #3a424a; }} pre {{ background: #1f2429; }} p.lead, .none {{ color: #9aa5b1; }}
  .good {{ color: #81c784; }} .bad {{ color: #ef9a9a; }} .warn {{ color: #ffb74d; }}
}}
"""


class Markup(str):
    """Text that is markup already and must not be escaped again."""


def escape(value: Any) -> Markup:
    """Text as markup, with every sign in sight; what is `Markup` stays as it is."""
    return value if isinstance(value, Markup) else Markup(_escape(escape_controls(str(value)), quote=True))


def page(title: str, body: Iterable[str], style: str = "", script: str = "") -> bytes:
    """A whole HTML document around parts that are markup already. Its browser loads nothing and runs `script` alone.

    `style` and `script` are our own, never text from the data.
    """
    parts = "\n".join(body)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    may_run = f"'sha256-{digest}'" if script else "'none'"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_NO_NETWORK} script-src {may_run}">'
        f"<style>{_STYLE}{style}</style></head>\n<body>\n{parts}\n"
        f"{f'<script>{script}</script>' if script else ''}</body></html>\n"
    ).encode()


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> Markup:
    """An HTML table; numbers are set right with thousands separated, null is a dash."""
    lines = [[_cell(value) for value in row] for row in rows]
    numeric = [bool(lines) and all(row[i][1] for row in lines) for i in range(len(headers))]
    head = "".join(_tag("th", escape(text), numeric[i]) for i, text in enumerate(headers))
    body = "".join("<tr>" + "".join(_tag("td", *cell) for cell in row) + "</tr>\n" for row in lines)
    return Markup(f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>')


def svg(width: float, height: float, parts: Iterable[str]) -> bytes:
    """A whole SVG document, on white paper so that it reads in a dark viewer too."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="{_FONT}" font-size="13" fill="{INK}">\n'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    ).encode()


def inline(picture: bytes) -> Markup:
    """An SVG document as a part of an HTML page, where it needs no name space."""
    return Markup(picture.decode().replace(' xmlns="http://www.w3.org/2000/svg"', "", 1))


def text(x: float, y: float, value: Any, *, anchor: str = "start", size: int = 13, fill: str = INK) -> str:
    """One line of SVG text, its base line at `y`."""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">{escape(value)}</text>'


def rect(x: float, y: float, width: float, height: float, fill: str, stroke: str = "none", radius: int = 0) -> str:
    """An SVG rectangle."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{max(width, 0):.6g}" height="{height:g}" rx="{radius}" fill="{fill}" '
        f'stroke="{stroke}"/>'
    )


def _cell(value: Any) -> tuple[Markup, bool]:
    if value is None:
        return Markup('<span class="none">–</span>'), True
    number = isinstance(value, int | float) and not isinstance(value, bool)
    number = number or (isinstance(value, str) and _PERCENT.fullmatch(value) is not None)
    return value if isinstance(value, Markup) else escape(shortened(value_text(value), LONGEST)), number


def _tag(name: str, content: str, numeric: bool) -> str:
    # Else a wide neighbour squeezes a word such as "holds" until it breaks over two lines.
    short = name == "td" and len(_TAGS.sub("", content)) <= SHORT
    kind = ' class="n"' if numeric else ' class="s"' if short else ""
    return f"<{name}{kind}>{content}</{name}>"
