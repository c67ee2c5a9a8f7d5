"""What a version is not good for, in sentences, written from the results of its checks and from its counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from augmill.policies.names import natural_sort_key
from augmill.tasks.documents.text_format import plain, value_text
from augmill.tasks.documents.version_document import CheckDocument, VersionDocument

FEW_ROWS = 30
"""Below this many real training rows a class is named among the limits: shares of it are noise."""
MAX_NAMED = 8
"""Classes, rows or reasons named in one sentence; the rest is counted."""
POOR_CATCH = 0.5
"""A class of which the verifier would miss every second swapped label is named."""

_ANSWERED = {"drop": "the rows that failed were dropped", "warn": "the version was published all the same"}


def limits(document: VersionDocument) -> Iterator[str]:
    """One sentence each, the checks first."""
    for check in document.get("checks", []):
        if not check["success"]:
            yield _missed(check)
    yield from _verifier(document)
    yield from _labels(document)
    yield from _steps(document)
    yield from _classes(document)
    yield from _set_aside(document)
    missing = [level["name"] for level in document.get("slis", []) if level["observed"] is None]
    if missing:
        yield f"Not measured: {', '.join(missing)}."


def _missed(check: CheckDocument) -> str:
    name, error = plain(check["name"]), check.get("error")
    if error:
        return f"{name} could not be judged: {error}."
    interval = check.get("interval") or ()
    observed = value_text(check.get("observed")) + (
        f" (between {value_text(interval[0])} and {value_text(interval[1])})" if interval else ""
    )
    target_text = f", wanted {value_text(check['target'])}" if check.get("target") is not None else ""
    consequence = _ANSWERED.get(check.get("on_failure", ""))
    detail = f" {check['detail']}" if check.get("detail") else ""
    return f"{name} did not pass: {observed}{target_text}{f'; {consequence}' if consequence else ''}.{detail}"


def _verifier(document: VersionDocument) -> Iterator[str]:
    """What the verifier of labels cannot see."""
    if document.get("not_judged"):
        yield f"Labels were not judged: {document['not_judged']}."
    floor = sorted(document.get("verifier", {}).get("noise_floor", []), key=lambda row: natural_sort_key(row["label"]))
    unjudged = [f"{class_row['label']} ({class_row['rows']})" for class_row in floor if class_row["too_few"]]
    if unjudged:
        names = listed(unjudged)
        yield f"Too few real rows to judge labels of these classes, so a wrong label there goes unseen: {names}."
    weak = [
        f"{class_row['label']} ({class_row['catch_rate']:.0%})"
        for class_row in floor
        if class_row["catch_rate"] is not None and class_row["catch_rate"] < POOR_CATCH
    ]
    if weak:
        yield f"Of real rows that are given these labels by mistake, the verifier catches few: {listed(weak)}."


def _labels(document: VersionDocument) -> Iterator[str]:
    """Contradicted, unfamiliar and overruled children; unfamiliar ones are published."""
    by_step: dict[str, list[Mapping[str, Any]]] = {}
    for rate in document.get("rates", []):
        by_step.setdefault(str(rate["step"]), []).append(rate)
    for step, rates in by_step.items():
        judged, unfamiliar = (sum(rate[key] for rate in rates) for key in ("judged", "unfamiliar"))
        if unfamiliar:
            worst = max(rates, key=lambda rate: rate.get("unfamiliar_share") or 0.0)
            floor = (worst.get("noise_floor") or {}).get("unfamiliar_rate")
            real_share = "" if floor is None else f" against {floor:.1%} of real rows"
            yield (
                f"Step {step}: {unfamiliar:,} of {judged:,} judged rows are unlike real rows of their class "
                f"({unfamiliar / judged:.1%}; most in class {worst['label']}, "
                f"{worst['unfamiliar_share']:.1%}{real_share}). Their labels rest on the policy's word alone."
            )
    overruled = document.get("overruled", {})
    if overruled:
        rows = listed([f"{name[:12]} ({reason})" for name, reason in sorted(overruled.items())])
        yield f"{_count(len(overruled), 'row')} that the verifier contradicts kept by a person's word: {rows}."


def _steps(document: VersionDocument) -> Iterator[str]:
    for step in document.get("steps", []):
        children, planned = step.get("made"), step.get("planned")
        if children is not None and planned is not None and children < planned:
            yield f"Step {step['name']} made {children:,} of {planned:,} planned rows."


def _classes(document: VersionDocument) -> Iterator[str]:
    train = document.get("rows", {}).get("by_split_origin_label", {}).get("train", {})
    few = {label: count for label, count in train.get("real", {}).items() if count < FEW_ROWS}
    if few:
        small = listed([f"{label} ({few[label]})" for label in sorted(few, key=natural_sort_key)])
        yield f"Fewer than {FEW_ROWS} real training rows, so figures of these classes are uncertain: {small}."
    real = sum(sum(labels.values()) for origin, labels in train.items() if origin == "real")
    children = sum(sum(labels.values()) for origin, labels in train.items() if origin != "real")
    if children > real > 0:
        yield f"Made rows outnumber real ones in training, {children:,} to {real:,}."
    for split in ("validation", "test"):
        if train and split not in document.get("rows", {}).get("by_split_origin_label", {}):
            yield f"There is no {split} split: nothing here can stand for unseen rows of it."


def _set_aside(document: VersionDocument) -> Iterator[str]:
    rows = document.get("rows", {})
    if rows.get("quarantined"):
        reasons = document.get("quarantine", {}).get("reasons", {})
        worst = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        reason_text = f": {listed([f'{reason} ({count:,})' for reason, count in worst])}" if worst else ""
        count = _count(rows["quarantined"], "raw row")
        yield f"The schema refused {count}, now in quarantine and not in this version{reason_text}."
    if rows.get("dropped"):
        count = _count(rows["dropped"], "made row")
        yield f"Checks dropped {count}, now in quarantine and not in this version."


def listed(words: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(words) - MAX_NAMED
    return ", ".join(words[:MAX_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
