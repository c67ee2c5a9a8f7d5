"""What `augmill probe` measured, for a person."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from augmill.policies.names import natural_sort_key

Row = Mapping[str, Any]
MOST_WRITTEN = 20


def text(document: Mapping[str, Any]) -> str:
    """The floor, and per transform its curve, the classes that go first, and what to write."""
    return "".join(f"{line}\n" for line in _lines(document))


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    real, verifier = document["real"], document["verifier"]
    classes = real["by_class"]
    yield f"{document['dataset']}: {real['all']['rows']:,} held-out training rows of {len(classes)} classes"
    yield f"  real rows    {share_text(real['all'])} contradicted by the verifier as they are: the noise floor"
    yield f"  declared     {document['min_rate']:.2%} of labels are to be accepted (checks.label_consistency.min_rate)"
    unjudged = [row["label"] for row in classes if row["status"] == "too_few"]
    if unjudged:
        yield f"  not judged   too few rows: {names(unjudged)}"
    if verifier["accuracy"] < verifier["min_accuracy"]:
        yield (
            f"  beware       the verifier tells the classes apart at {verifier['accuracy']:.2f} only, where"
            f" {verifier['min_accuracy']:.2f} is asked for"
        )
    for transform in document["transforms"]:
        yield ""
        yield from _transform(transform, document["min_rate"])


def _transform(transform: Row, min_rate: float) -> Iterator[str]:
    steps = f" ({', '.join(transform['steps'])})" if transform["steps"] else ""
    yield f"{transform['use']}{steps}"
    if transform["forbidden"]:
        yield f"  forbidden for {names(transform['forbidden'])}, and not tried on them"
    if transform["kind"] != "on_off":
        width = max(len(magnitude(transform, point)) for point in transform["points"])
        for point in transform["points"]:
            unfamiliar = f"unfamiliar {point['all']['unfamiliar_share'] or 0.0:.0%}"
            figures = f"{share_text(point['all']):<23}  {unfamiliar:<15}  {_short(point)}".rstrip()
            yield f"  {magnitude(transform, point):<{width}}  {figures}"
    yield from (f"  {line}" for line in verdict_lines(transform, min_rate))


def verdict_lines(transform: Row, min_rate: float) -> Iterator[str]:
    """What the curve comes to, in sentences: which classes are inconsistent, degraded, unfamiliar
    or consistent, and what to write in the policy."""
    judged = [row for row in transform["classes"] if not row["too_few"]]
    inconsistent = [row for row in judged if row["inconsistent_at"] is not None]
    degraded = [row for row in judged if row["inconsistent_at"] is None and row["degraded_at"] is not None]
    unfamiliar = [row for row in judged if row["unfamiliar_at"] is not None]
    consistent = [row["label"] for row in judged if row["short_at"] is None]
    if inconsistent:
        ordered = sorted(inconsistent, key=lambda row: row["inconsistent_at"])
        yield f"inconsistent {_each(transform, ordered, 'inconsistent_at')}: the verifier contradicts most labels"
    if degraded:
        why = f"the verifier contradicts more than {1.0 - min_rate:.2%} of labels, but not clearly most"
        yield f"degraded     {_each(transform, degraded, 'degraded_at')}: {why}"
    if unfamiliar:
        ordered = sorted(unfamiliar, key=lambda row: row["unfamiliar_at"])
        why = "too many rows look like no class, so the verifier cannot vouch for them"
        yield f"unfamiliar   {_each(transform, ordered, 'unfamiliar_at')}: {why}"
    if consistent:
        yield f"consistent   {names(consistent)}{'' if transform['kind'] == 'on_off' else ' at every magnitude tried'}"
    if judged and judged[0]["short_at"] is not None and transform["kind"] != "on_off":
        yield f"first        {names([row['label'] for row in judged if row['short_at'] == judged[0]['short_at']])}"
    yield from _advice(transform, inconsistent, degraded, min_rate)


def _advice(transform: Row, inconsistent: Sequence[Row], degraded: Sequence[Row], min_rate: float) -> Iterator[str]:
    suggestion = transform["suggested"]
    if suggestion:
        low, high = (1.0 - end for end in reversed(suggestion["interval"]))
        share = f"{1.0 - suggestion['moved_share']:.2%}"
        rate = f"at its ends {share} of labels are not contradicted, between {low:.2%} and {high:.2%}"
        untried = "; nothing beyond was tried" if suggestion["whole"] else ""
        yield f"suggest      {params_text(suggestion['params'])}  ({rate}{untried})"
    elif transform["kind"] == "range":
        yield "suggest      no magnitude: even the smallest tried falls short"
    if transform["kind"] == "weight":
        yield "note         the weight is the way from a row to its neighbour; a step draws it for each child"
    if transform["kind"] == "on_off" and (inconsistent or degraded):
        yield _forbids(transform, inconsistent, degraded, min_rate)


def _forbids(transform: Row, inconsistent: Sequence[Row], degraded: Sequence[Row], min_rate: float) -> str:
    """Forbid the classes of which fewer than half the rows keep their label; name those that are only degraded."""
    figures = {row["label"]: row for row in transform["points"][0]["by_class"]}
    consistent_counts = {label: row["judged"] - row["moved"] - row["unfamiliar"] for label, row in figures.items()}
    forbidden = {row["label"] for row in inconsistent}
    forbidden |= {
        row["label"] for row in degraded if 2 * consistent_counts[row["label"]] < figures[row["label"]]["judged"]
    }
    short = [row["label"] for row in degraded if row["label"] not in forbidden]
    fates = dict.fromkeys(sorted({*forbidden, *transform["forbidden"]}, key=natural_sort_key), "forbid")
    if len(figures) <= MOST_WRITTEN:  # lint asks for a word on each label where orientation matters
        fates |= dict.fromkeys(sorted(figures.keys() - forbidden, key=natural_sort_key), "keep")
    label_map = (
        f"labels: {{{', '.join(f'{_key(label)}: {fate}' for label, fate in fates.items())}}}" if forbidden else ""
    )
    rest = f"{names(short)} kept, short of {min_rate:.2%} all the same" if short else ""
    return f"suggest      {'; '.join(part for part in (label_map, rest) if part)}"


def magnitude(transform: Row, point: Row) -> str:
    """The magnitude of a point as a policy writes it."""
    if transform["kind"] == "weight":
        return f"weight {point['at']:g}"
    return params_text(point["ranges"])


def params_text(params: Mapping[str, Any]) -> str:
    """Parameters as YAML."""
    return ", ".join(f"{name}: {_value(value)}" for name, value in params.items())


def share_text(figures: Row) -> str:
    """A share of moved labels with its interval."""
    if figures["moved_share"] is None:
        return "not judged"
    low, high = figures["interval"]
    return f"{figures['moved_share']:.1%} ({low:.1%} to {high:.1%})"


def names(labels: Sequence[str]) -> str:
    """Classes in their order, the first twenty of them."""
    ordered = sorted(labels, key=natural_sort_key)
    return ", ".join(ordered[:20]) + (f" and {len(ordered) - 20} more" if len(ordered) > 20 else "")


def _key(label: str) -> str:
    """A label as a key of YAML."""
    return label if re.fullmatch(r"\w+", label) else json.dumps(label)


def _value(value: Any) -> str:
    return f"[{', '.join(f'{end:.4g}' for end in value)}]" if isinstance(value, list) else f"{value:.4g}"


def _short(point: Row) -> str:
    out = [row for row in point["by_class"] if row["status"] in ("degraded", "inconsistent")]
    out.sort(key=lambda row: -row["moved_share"])
    return ", ".join(f"{row['label']} {row['moved_share']:.0%}" for row in out[:6]) + (" ..." if len(out) > 6 else "")


def _each(transform: Row, rows: Sequence[Row], key: str) -> str:
    """Classes with the magnitude at which it begins; for an on/off transform, with the share of moved labels."""
    if transform["kind"] == "on_off":
        figure = "unfamiliar_share" if key == "unfamiliar_at" else "moved_share"
        moved = {row["label"]: row[figure] for row in transform["points"][0]["by_class"]}
        order = sorted(rows, key=lambda row: natural_sort_key(row["label"]))
        return ", ".join(f"{row['label']} ({moved[row['label']]:.0%})" for row in order)
    points = {point["at"]: point for point in transform["points"]}
    places = dict.fromkeys(row[key] for row in rows)
    return "; ".join(
        f"{names([row['label'] for row in rows if row[key] == at])} from {magnitude(transform, points[at])}"
        for at in places
    )
