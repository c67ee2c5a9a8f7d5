"""Rejections of a version: what the verifier contradicted and what it found unfamiliar, as a page and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from augmill.tasks.documents.report_document import RejectedChild, RejectionsDocument
from augmill.tasks.html_pages import elements
from augmill.tasks.html_pages.children import HOW, accepted, child_card, overrule_lines, worst_first
from augmill.tasks.html_pages.elements import escape
from augmill.tasks.html_pages.row_cards import MAX_ROWS, STYLE, grid

UNFAMILIAR = (
    "They lie off what real rows look like. That is no evidence of a wrong label, and is what augmentation is for: "
    "they are published. Many of them, or strange ones, say that a step goes too far; max_unfamiliar_share in "
    "checks.label_consistency bounds their share."
)
NO_ROWS = "No row was made, so none was judged."


def page(document: RejectionsDocument, pictures: Mapping[str, bytes]) -> bytes:
    """The page, self-contained. `pictures` maps sample ids to PNG bytes; rows without one show their values."""
    title = f"Rejections of {document['dataset']}@{document['version']}"
    parts = [STYLE, f"<h1>{escape(title)}</h1>", f'<p class="verdict">{escape(verdict(document))}</p>']
    noise = floor(document)
    parts += [f'<p class="tag">{escape(noise)}</p>'] if noise else []
    parts += _contradicted(document, pictures)
    parts += accepted(document.get("overruled_children", []), pictures)
    parts += _unfamiliar(document, pictures)
    return elements.page(title, parts)


def verdict(document: RejectionsDocument) -> str:
    """The counts in a sentence, or why there are none."""
    children = document.get("children", 0)
    if not children:
        return NO_ROWS
    if document.get("not_judged"):
        return f"Labels of the {children:,} rows made were {document['not_judged']}."
    judged, too_few = document.get("judged", 0), document.get("too_few", 0)
    unjudged = f" {too_few:,} more could not be judged: their classes have too few real rows." if too_few else ""
    if not judged:
        return f"None of the {children:,} rows made could be judged: their classes have too few real rows."
    contradicted, unfamiliar, overruled = (document.get(key, 0) for key in ("contradicted", "unfamiliar", "overruled"))
    if not (contradicted or unfamiliar or overruled):
        return (
            f"The verifier contradicted no label of the {judged:,} rows it judged, and found none unfamiliar.{unjudged}"
        )
    more = f", {overruled:,} more are overruled by a person" if overruled else ""
    return (
        f"Of {judged:,} judged rows {contradicted:,} are contradicted{more}, and {unfamiliar:,} are unfamiliar."
        f"{unjudged}"
    )


def floor(document: RejectionsDocument) -> str:
    """The noise floor: the rates for real rows that the verifier has not seen. Rates no higher than these are noise."""
    rows = [row for row in document.get("noise_floor", []) if not row["too_few"]]
    total = sum(row["rows"] for row in rows)
    if not total or not document.get("children"):
        return ""
    contradicted = sum(row["rows"] * (row["contradicted_rate"] or 0.0) for row in rows) / total
    unfamiliar = sum(row["rows"] * (row["unfamiliar_rate"] or 0.0) for row in rows) / total
    return (
        f"Of real rows that it had not seen, the verifier contradicts {contradicted:.1%} and finds "
        f"{unfamiliar:.1%} unfamiliar."
    )


def _contradicted(document: RejectionsDocument, pictures: Mapping[str, bytes]) -> Iterator[str]:
    count, children = document.get("contradicted", 0), worst_first(document.get("contradicted_children", []))[:MAX_ROWS]
    if not count:
        return
    yield f"<h2>Contradicted, worst first ({cut(children, count)})</h2>"
    published = sum(child.get("published", False) for child in children)
    subject = "They" if len(children) == count else "They and the others"
    where = "are published: the policy only warns." if published else "are in quarantine."
    yield f'<p class="tag">{HOW} {subject} {where}</p>'
    yield grid(child_card(child, pictures, overrule=True) for child in children)


def _unfamiliar(document: RejectionsDocument, pictures: Mapping[str, bytes]) -> Iterator[str]:
    count, children = document.get("unfamiliar", 0), document.get("unfamiliar_children", [])[:MAX_ROWS]
    if count:
        yield f"<h2>Unfamiliar, the furthest off first ({cut(children, count)})</h2>"
        yield f'<p class="tag">{UNFAMILIAR}</p>'
        yield grid(child_card(child, pictures, overrule=False) for child in children)


def cut(children: Sequence[RejectedChild], count: int) -> str:
    """How many are shown of how many."""
    return f"{count:,}" if len(children) == count else f"the {len(children):,} worst of {count:,}"


def text(document: RejectionsDocument, limit: int) -> str:
    """The same for a terminal, a line each, at most `limit` of each kind."""
    return "".join(f"{line}\n" for line in _lines(document, limit))


def _lines(document: RejectionsDocument, limit: int) -> Iterator[str]:
    yield f"{document['dataset']}@{document['version']}: {verdict(document)}"
    noise = floor(document)
    if noise:
        yield noise
    contradicted = worst_first(document.get("contradicted_children", []))
    yield from _section("contradicted, worst first", contradicted, document.get("contradicted", 0), limit)
    yield from _section(
        "overruled by a person", document.get("overruled_children", []), document.get("overruled", 0), limit
    )
    yield from _section(
        "unfamiliar, the furthest off first",
        document.get("unfamiliar_children", []),
        document.get("unfamiliar", 0),
        limit,
    )
    if contradicted:
        yield ""
        yield "To overrule one, put this into the policy and run again:"
        yield overrule_lines([contradicted[0]["sample_id"]])


def _section(heading: str, children: Sequence[RejectedChild], count: int, limit: int) -> Iterator[str]:
    listed = children[:limit]
    if not count:
        return
    yield ""
    yield f"{heading} ({cut(listed, count)})"
    heads = ["sample_id", "step", "label", "nearest", "could be", "p", "score", "limit", "distance", "limit"]
    rows = [heads, *(_cells(child) for child in listed)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cells(child: RejectedChild) -> list[str]:
    figures = [child.get(key) for key in ("p_value", "nonconformity", "threshold", "distance", "distance_threshold")]
    return [
        child["sample_id"],
        child.get("step", ""),
        str(child.get("label", "")),
        child.get("predicted", ""),
        ",".join(child.get("prediction_set", [])) or "none",
        *("-" if value is None else f"{value:.3g}" for value in figures),
    ]
