"""Children beside their parents: those whose label is contradicted, those that are unfamiliar, those overruled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from augmill.tasks.documents import text_format
from augmill.tasks.documents.report_document import RejectedChild, ValidationDocument
from augmill.tasks.html_pages.elements import escape
from augmill.tasks.html_pages.row_cards import MAX_ROWS, card, cell, grid, picture

MAX_VALUES = 12
"""Values shown per row; a child and its parent show those that differ first."""
HOW = (
    "The verifier contradicts their label. To overrule one, paste its lines into the policy, say why, and run again; "
    "the record shows it."
)


def rejected(document: ValidationDocument, pictures: Mapping[str, bytes]) -> Iterator[str]:
    """Children whose label is contradicted, worst first, each with the lines that overrule it."""
    count = document.get("rejected", 0)
    if not count:
        return
    children = worst_first(document.get("rejected_children", []))[:MAX_ROWS]
    yield f"<h2>Rejected children, worst first ({len(children):,} of {count:,})</h2>"
    yield f'<p class="tag">{HOW}</p>'
    yield grid(child_card(child, pictures, overrule=True) for child in children)


def overruled(document: ValidationDocument, pictures: Mapping[str, bytes]) -> Iterator[str]:
    """Children that were contradicted and that a person accepts, with the reason."""
    yield from accepted(document.get("overruled_children", []), pictures)


def accepted(children: Sequence[RejectedChild], pictures: Mapping[str, bytes]) -> Iterator[str]:
    """Children that a person has overruled, worst first."""
    if children:
        shown = worst_first(children)[:MAX_ROWS]
        of = f"{len(shown):,} of {len(children):,}" if len(shown) < len(children) else f"{len(children):,}"
        yield f"<h2>Overruled by a person ({of})</h2>"
        yield grid(child_card(child, pictures, overrule=False) for child in shown)


def worst_first(children: Sequence[RejectedChild]) -> list[RejectedChild]:
    """Contradicted children by p-value, then by how far they are beyond the threshold."""
    return sorted(children, key=lambda child: (child.get("p_value", 0.0), -_beyond(child), child["sample_id"]))


def _beyond(child: RejectedChild) -> float:
    return child.get("nonconformity", 0.0) - child.get("threshold", 0.0)


def child_card(child: RejectedChild, pictures: Mapping[str, bytes], *, overrule: bool) -> str:
    """One child with its scores, its parents beside it, and the lines that overrule it if asked for."""
    own = child["sample_id"]
    made = " · ".join(part for part in (child.get("step", ""), child.get("transform", "")) if part)
    parts = [f"<div>{_said(child)}</div>", f'<div class="tag">{escape(made)}; {escape(scores(child))}</div>']
    parents = child.get("parents", {})
    family = {**parents, own: child.get("values", {})}
    if any(name in pictures for name in family):
        parts.append(_family_pictures(own, list(parents), pictures))
    parts.append(_family_values(own, family))
    if child.get("reason"):
        parts.append(f"<div>Overruled: {escape(child['reason'])}</div>")
    if overrule:
        parts.append(f"<details><summary>overrule</summary><pre>{escape(overrule_lines([own]))}</pre></details>")
    return card(own, parts)


def overrule_lines(ids: Sequence[str]) -> str:
    """What a policy says to accept children that the verifier contradicts."""
    return "checks:\n  label_consistency:\n    overrule:" + "".join(
        f'\n      "{own}": why the label is right' for own in ids
    )


def scores(child: RejectedChild) -> str:
    """How the verifier scored a child, in one line."""
    told = f"score {child.get('nonconformity') or 0.0:.3g}, limit {child.get('threshold') or 0.0:.3g}"
    told += f", p {child['p_value']:.3g}" if child.get("p_value") is not None else ""
    if child.get("distance_threshold"):
        told += f", distance {child['distance']:.3g}, limit {child['distance_threshold']:.3g}"
    return told


def _said(child: RejectedChild) -> str:
    """What it is called, what else it could be (the prediction set), and the class that scores best, if another."""
    label, nearest = child.get("label"), child.get("predicted", "")
    could = [one for one in child.get("prediction_set", []) if one != label]
    likely = " or ".join(could) or nearest
    if child.get("outcome") == "unfamiliar":
        told = f"label <b>{escape(label)}</b>, unlike real rows of it"
        return told + (f"; could be <b>{escape(likely)}</b>" if could else "; nothing it could be")
    told = f"label <b>{escape(label)}</b>, looks like <b>{escape(likely)}</b>"
    return told + ("" if nearest in (likely, label) else f" (nearest: {escape(nearest)})")


def _family_pictures(own: str, parents: Sequence[str], pictures: Mapping[str, bytes]) -> str:
    shown = [picture(pictures[one], f"parent {text_format.shortened(one, 14)}") for one in parents if one in pictures]
    if own in pictures:
        shown.append(picture(pictures[own], "child"))
    return f'<div class="pair">{"".join(shown)}</div>'


def _family_values(own: str, family: Mapping[str, Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for values in family.values() for name in values))
    if not names:
        return ""
    unlike = {name for name in names if len({str(values.get(name)) for values in family.values()}) > 1}
    names.sort(key=lambda name: name not in unlike)
    heads = ["", *("child" if one == own else "parent" for one in family)]
    lines = [
        f'<tr class="{"differs" if name in unlike else ""}"><td>{escape(cell(name))}</td>'
        + "".join(f'<td class="n">{escape(cell(values.get(name)))}</td>' for values in family.values())
        + "</tr>"
        for name in names[:MAX_VALUES]
    ]
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    left = f'<div class="tag">and {len(names) - MAX_VALUES} more columns</div>' if len(names) > MAX_VALUES else ""
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(lines)}</table></div>{left}'
