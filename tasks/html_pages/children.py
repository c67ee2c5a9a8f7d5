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
        listed = worst_first(children)[:MAX_ROWS]
        count_text = f"{len(listed):,} of {len(children):,}" if len(listed) < len(children) else f"{len(children):,}"
        yield f"<h2>Overruled by a person ({count_text})</h2>"
        yield grid(child_card(child, pictures, overrule=False) for child in listed)


def worst_first(children: Sequence[RejectedChild]) -> list[RejectedChild]:
    """Contradicted children by p-value, then by how far they are beyond the threshold."""
    return sorted(children, key=lambda child: (child.get("p_value", 0.0), -_beyond(child), child["sample_id"]))


def _beyond(child: RejectedChild) -> float:
    return child.get("nonconformity", 0.0) - child.get("threshold", 0.0)


def child_card(child: RejectedChild, pictures: Mapping[str, bytes], *, overrule: bool) -> str:
    """One child with its scores, its parents beside it, and the lines that overrule it if asked for."""
    sample_id = child["sample_id"]
    origin = " · ".join(part for part in (child.get("step", ""), child.get("transform", "")) if part)
    parts = [
        f"<div>{_label_sentence(child)}</div>",
        f'<div class="tag">{escape(origin)}; {escape(scores(child))}</div>',
    ]
    parents = child.get("parents", {})
    family = {**parents, sample_id: child.get("values", {})}
    if any(name in pictures for name in family):
        parts.append(_family_pictures(sample_id, list(parents), pictures))
    parts.append(_family_values(sample_id, family))
    if child.get("reason"):
        parts.append(f"<div>Overruled: {escape(child['reason'])}</div>")
    if overrule:
        parts.append(f"<details><summary>overrule</summary><pre>{escape(overrule_lines([sample_id]))}</pre></details>")
    return card(sample_id, parts)


def overrule_lines(ids: Sequence[str]) -> str:
    """What a policy says to accept children that the verifier contradicts."""
    return "checks:\n  label_consistency:\n    overrule:" + "".join(
        f'\n      "{sample_id}": why the label is right' for sample_id in ids
    )


def scores(child: RejectedChild) -> str:
    """How the verifier scored a child, in one line."""
    line = f"score {child.get('nonconformity') or 0.0:.3g}, limit {child.get('threshold') or 0.0:.3g}"
    line += f", p {child['p_value']:.3g}" if child.get("p_value") is not None else ""
    if child.get("distance_threshold"):
        line += f", distance {child['distance']:.3g}, limit {child['distance_threshold']:.3g}"
    return line


def _label_sentence(child: RejectedChild) -> str:
    """Its label, the other labels of its prediction set, and the class that scores best if that is another."""
    label, nearest = child.get("label"), child.get("predicted", "")
    others = [candidate for candidate in child.get("prediction_set", []) if candidate != label]
    likely = " or ".join(others) or nearest
    if child.get("outcome") == "unfamiliar":
        sentence = f"label <b>{escape(label)}</b>, unlike real rows of it"
        return sentence + (f"; could be <b>{escape(likely)}</b>" if others else "; nothing it could be")
    sentence = f"label <b>{escape(label)}</b>, looks like <b>{escape(likely)}</b>"
    return sentence + ("" if nearest in (likely, label) else f" (nearest: {escape(nearest)})")


def _family_pictures(sample_id: str, parents: Sequence[str], pictures: Mapping[str, bytes]) -> str:
    figures = [
        picture(pictures[parent], f"parent {text_format.shortened(parent, 14)}")
        for parent in parents
        if parent in pictures
    ]
    if sample_id in pictures:
        figures.append(picture(pictures[sample_id], "child"))
    return f'<div class="pair">{"".join(figures)}</div>'


def _family_values(child_id: str, family: Mapping[str, Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for values in family.values() for name in values))
    if not names:
        return ""
    differing = {name for name in names if len({str(values.get(name)) for values in family.values()}) > 1}
    names.sort(key=lambda name: name not in differing)
    heads = ["", *("child" if sample_id == child_id else "parent" for sample_id in family)]
    rows = [
        f'<tr class="{"differs" if name in differing else ""}"><td>{escape(cell(name))}</td>'
        + "".join(f'<td class="n">{escape(cell(values.get(name)))}</td>' for values in family.values())
        + "</tr>"
        for name in names[:MAX_VALUES]
    ]
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    omitted = f'<div class="tag">and {len(names) - MAX_VALUES} more columns</div>' if len(names) > MAX_VALUES else ""
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(rows)}</table></div>{omitted}'
