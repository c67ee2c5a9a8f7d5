"""Single rows on the validation report: rejected children beside their parents, quarantined and failing rows.

Each row stands in one card, whose anchor is its id, so that every mention of the id can link to it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tasks.lineage import markup
from tasks.lineage.markup import escape, figure
from tasks.reports.document import RejectedChild, ValidationDocument

MAX_ROWS = 100
"""Rows shown per list: a page of a few MB that a browser opens at once."""
MAX_VALUES = 12
"""Values shown per row; a child and its parent show those that differ first."""


def rejected(document: ValidationDocument, pictures: Mapping[str, bytes]) -> Iterator[str]:
    """Children whose label is contradicted, worst first, each with the lines that overrule it."""
    count = document.get("rejected", 0)
    if not count:
        return
    children = _worst_first(document.get("rejected_children", []))[:MAX_ROWS]
    yield f"<h2>Rejected children, worst first ({len(children):,} of {count:,})</h2>"
    yield (
        '<p class="tag">The verifier contradicts their label. To overrule one, paste its lines into the policy, '
        "say why, and run again; the record shows it.</p>"
    )
    yield _cards(_child_card(child, pictures, overrule=True) for child in children)


def overruled(document: ValidationDocument, pictures: Mapping[str, bytes]) -> Iterator[str]:
    """Children that were contradicted and that a person accepts, with the reason."""
    children = _worst_first(document.get("overruled_children", []))
    if children:
        yield f"<h2>Overruled by a person ({len(children):,})</h2>"
        yield _cards(_child_card(child, pictures, overrule=False) for child in children[:MAX_ROWS])


def _worst_first(children: Sequence[RejectedChild]) -> list[RejectedChild]:
    return sorted(children, key=lambda child: (-_beyond(child), child["sample_id"]))


def _beyond(child: RejectedChild) -> float:
    return child.get("nonconformity", 0.0) - child.get("threshold", 0.0)


def _child_card(child: RejectedChild, pictures: Mapping[str, bytes], *, overrule: bool) -> str:
    own = child["sample_id"]
    said = f"label <b>{escape(child.get('label'))}</b>, looks like <b>{escape(_alternative(child))}</b>"
    score = f"score {child.get('nonconformity', 0.0):.3g}, limit {child.get('threshold', 0.0):.3g}"
    score += f", p {child['p_value']:.3g}" if child.get("p_value") is not None else ""
    made = " · ".join(part for part in (child.get("step", ""), child.get("transform", "")) if part)
    parts = [f"<div>{said}</div>", f'<div class="tag">{escape(made)}; {escape(score)}</div>']
    parents = child.get("parents", {})
    family = {**parents, own: child.get("values", {})}
    if any(name in pictures for name in family):
        parts.append(_family_pictures(own, list(parents), pictures))
    parts.append(_family_values(own, family))
    if child.get("reason"):
        parts.append(f"<div>Overruled: {escape(child['reason'])}</div>")
    if overrule:
        lines = f'checks:\n  label_consistency:\n    overrule:\n      "{own}": why the label is right'
        parts.append(f"<details><summary>overrule</summary><pre>{escape(lines)}</pre></details>")
    return _card(own, parts)


def _alternative(child: RejectedChild) -> str:
    """What else it could be: its own class may still be the likeliest, but less so than rows of that class are."""
    others = [label for label in child.get("prediction_set", []) if label != child.get("label")]
    likeliest = child.get("predicted", "")
    return likeliest if likeliest != child.get("label") or not others else " or ".join(others)


def _family_pictures(own: str, parents: Sequence[str], pictures: Mapping[str, bytes]) -> str:
    shown = [_picture(pictures[one], f"parent {markup.shortened(one, 14)}") for one in parents if one in pictures]
    if own in pictures:
        shown.append(_picture(pictures[own], "child"))
    return f'<div class="pair">{"".join(shown)}</div>'


def _family_values(own: str, family: Mapping[str, Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for values in family.values() for name in values))
    if not names:
        return ""
    unlike = {name for name in names if len({str(values.get(name)) for values in family.values()}) > 1}
    names.sort(key=lambda name: name not in unlike)
    heads = ["", *("child" if one == own else "parent" for one in family)]
    lines = [
        f'<tr class="{"differs" if name in unlike else ""}"><td>{escape(name)}</td>'
        + "".join(f'<td class="n">{escape(_value(values.get(name)))}</td>' for values in family.values())
        + "</tr>"
        for name in names[:MAX_VALUES]
    ]
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    left = f'<div class="tag">and {len(names) - MAX_VALUES} more columns</div>' if len(names) > MAX_VALUES else ""
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(lines)}</table></div>{left}'


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
        parts += _shown(row["sample_id"], row.get("values", {}), pictures)
        cards.append(_card(row["sample_id"], parts))
    yield _cards(cards)


def failing(document: ValidationDocument, pictures: Mapping[str, bytes]) -> Iterator[str]:
    """Rows that checks name and that no section above has shown."""
    children = [*document.get("rejected_children", [])[:MAX_ROWS], *document.get("overruled_children", [])[:MAX_ROWS]]
    above = {child["sample_id"] for child in children}
    above |= {row["sample_id"] for row in document.get("quarantined_rows", [])[:MAX_ROWS]}
    named: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for check in document.get("checks", []):
        for row in check.get("failing", [])[:MAX_ROWS]:
            if row["sample_id"] not in above:
                values, checks = named.setdefault(row["sample_id"], ({}, []))
                values.update(row.get("values", {}))
                checks.append(plain(check["name"]))
    if not named:
        return
    yield f"<h2>Rows the checks name ({min(len(named), MAX_ROWS):,} of {len(named):,})</h2>"
    yield _cards(
        _card(own, [f'<div class="bad">{escape(", ".join(checks))}</div>', *_shown(own, values, pictures)])
        for own, (values, checks) in list(named.items())[:MAX_ROWS]
    )


def _shown(own: str, values: Mapping[str, Any], pictures: Mapping[str, bytes]) -> Iterator[str]:
    if own in pictures:
        yield _picture(pictures[own], "")
    if values:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(_value(value))}</td></tr>" for name, value in values.items()
        )
        yield f"<table>{rows}</table>"


def _picture(png: bytes, caption: str) -> str:
    data = base64.b64encode(png).decode()
    told = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">{told}</figure>'


def _value(value: Any) -> str:
    return "missing" if value is None else figure(value)


def _card(own: str, parts: Iterable[str]) -> str:
    return f'<div class="card" id="{escape(_anchor(own))}"><h3>{escape(own)}</h3>{"".join(parts)}</div>'


def _cards(cards: Iterable[str]) -> str:
    return f'<div class="cards">{"".join(cards)}</div>'


def link(own: str) -> str:
    """An id that leads to its card."""
    return f'<a href="#{escape(_anchor(own))}"><code>{escape(markup.shortened(own, 14))}</code></a>'


def _anchor(own: str) -> str:
    return f"row-{own}"


def plain(name: str) -> str:
    """An expectation's name as words."""
    return name.removeprefix("expect_").replace("_", " ")
