"""Single rows on the reports: quarantined and failing ones here, children beside their parents in `children.py`.

Each row stands in one card, whose anchor is its id, so that every mention of the id can link to it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from augmill.tasks.documents import text_format
from augmill.tasks.documents.report_document import ValidationDocument
from augmill.tasks.documents.text_format import plain, value_text
from augmill.tasks.html_pages import elements
from augmill.tasks.html_pages.elements import Markup, escape

MAX_ROWS = 100
"""Rows shown per list: a page of a few MB that a browser opens at once."""
STYLE = Markup("""<style>
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); gap: .9rem; }
.card { border: 1px solid #cbd2d9; border-radius: 6px; padding: .7rem .8rem; overflow-wrap: anywhere; min-width: 0; }
.card:target, tr:target { outline: 2px solid #f28e2b; }
.card h3 { font: 600 12.5px ui-monospace, 'DejaVu Sans Mono', monospace; margin: 0 0 .35rem; }
.card table { font-size: 12.5px; margin: .35rem 0 0; }
.card th, .card td { padding: .12rem .6rem .12rem 0; min-width: 0; }
.pair { display: flex; gap: .8rem; flex-wrap: wrap; align-items: flex-start; }
figure { margin: 0; } figcaption { color: #5b6770; font-size: 12px; max-width: 9rem; overflow-wrap: anywhere; }
img { image-rendering: pixelated; max-width: 9rem; min-width: 4.5rem; border: 1px solid #cbd2d9; }
.differs { background: #fff3e0; } .tag { color: #5b6770; } pre { margin: .4rem 0 0; font-size: 12px; }
.verdict { font-size: 1.05rem; padding: .5rem .8rem; border-radius: 6px; border: 1px solid #cbd2d9; }
.bar { display: inline-block; height: .7rem; vertical-align: middle; }
@media print { .card { break-inside: avoid; } }
@media (prefers-color-scheme: dark) {
  .card, .verdict, img { border-color: #3a424a; } .tag, figcaption { color: #9aa5b1; } .differs { background: #3f2f16; }
}
</style>""")
"""What pages with cards need besides the style of every page."""


def quarantined(document: ValidationDocument, pictures: Mapping[str, bytes]) -> Iterator[str]:
    """Raw rows that failed the schema, with the reasons."""
    count = document.get("quarantined", 0)
    if not count:
        return
    rows = document.get("quarantined_rows", [])[:MAX_ROWS]
    yield f"<h2>Quarantined raw rows ({len(rows):,} of {count:,})</h2>"
    cards = []
    for row in rows:
        reasons = "".join(f"<li>{escape(reason)}</li>" for reason in row.get("reasons", []))
        parts = [f"<div>{escape(row.get('source', ''))}</div>", f'<ul class="bad">{reasons}</ul>']
        parts += _row_content(row["sample_id"], row.get("values", {}), pictures)
        cards.append(card(row["sample_id"], parts))
    yield grid(cards)


def failing(document: ValidationDocument, pictures: Mapping[str, bytes]) -> Iterator[str]:
    """Rows that checks name and that no section above has shown."""
    children = [*document.get("rejected_children", [])[:MAX_ROWS], *document.get("overruled_children", [])[:MAX_ROWS]]
    listed_ids = {child["sample_id"] for child in children}
    listed_ids |= {row["sample_id"] for row in document.get("quarantined_rows", [])[:MAX_ROWS]}
    failing_rows: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for check in document.get("checks", []):
        for row in check.get("failing", [])[:MAX_ROWS]:
            if row["sample_id"] not in listed_ids:
                values, checks = failing_rows.setdefault(row["sample_id"], ({}, []))
                values.update(row.get("values", {}))
                checks.append(plain(check["name"]))
    if not failing_rows:
        return
    yield f"<h2>Rows the checks name ({min(len(failing_rows), MAX_ROWS):,} of {len(failing_rows):,})</h2>"
    yield grid(
        card(
            sample_id,
            [f'<div class="bad">{escape(", ".join(checks))}</div>', *_row_content(sample_id, values, pictures)],
        )
        for sample_id, (values, checks) in list(failing_rows.items())[:MAX_ROWS]
    )


def _row_content(sample_id: str, values: Mapping[str, Any], pictures: Mapping[str, bytes]) -> Iterator[str]:
    if sample_id in pictures:
        yield picture(pictures[sample_id], "")
    if values:
        rows = "".join(
            f"<tr><td>{escape(cell(name))}</td><td>{escape(cell(value))}</td></tr>" for name, value in values.items()
        )
        yield f"<table>{rows}</table>"


def picture(png: bytes, caption: str) -> str:
    """A picture inside the page, with a caption below it."""
    data = base64.b64encode(png).decode()
    figcaption = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">{figcaption}</figure>'


def cell(value: Any) -> str:
    """A value as a person reads it."""
    return "missing" if value is None else text_format.shortened(value_text(value), elements.LONGEST)


def card(sample_id: str, parts: Iterable[str]) -> str:
    """One row: its id as a heading, and what is said of it."""
    return f'<div class="card" id="{escape(_anchor(sample_id))}"><h3>{escape(sample_id)}</h3>{"".join(parts)}</div>'


def grid(cards: Iterable[str]) -> str:
    """Rows side by side, as many as fit."""
    return f'<div class="cards">{"".join(cards)}</div>'


def link(sample_id: str) -> str:
    """An id that leads to its card."""
    return f'<a href="#{escape(_anchor(sample_id))}"><code>{escape(text_format.shortened(sample_id, 14))}</code></a>'


def _anchor(sample_id: str) -> str:
    return f"row-{sample_id}"
