"""Validation errors of pydantic as findings: file, line, path, what was received and what to write instead."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from augmill.policies.errors import Finding
from augmill.policies.names import did_you_mean
from augmill.policies.yaml_source import Document, Path


@dataclass(frozen=True)
class Reporter:
    """Makes findings for one file: `display_path` is its path as the user typed it."""

    display_path: str
    document: Document

    def finding(self, path: Path, rule: str, message: str, remedy: str) -> Finding:
        """A finding at the line of the value at `path`."""
        where = ".".join(str(part) for part in path)
        return Finding(self.display_path, self.document.line_of(path), rule, message, remedy, where)


__all__ = ["Reporter", "did_you_mean", "fields_at", "findings_of", "spell"]

_WORDING = {
    "Input should be a valid ": "must be ",
    "Input should be ": "must be ",
    "String should ": "must ",
    "Value error, ": "",
    "Tuple should ": "must ",
    "List should ": "must ",
    "Dictionary should ": "must ",
}
_ARTICLES = {
    "must be string": "must be text",
    "must be integer": "must be a whole number",
    "must be number": "must be a number",
    "must be boolean": "must be true or false",
    "must be dictionary": "must be a map",
    "must be tuple": "must be a list",
    "must be list": "must be a list",
}


def findings_of(
    error: ValidationError, model: type[BaseModel], at: Path, reporter: Reporter, rule: str = "AUG004"
) -> list[Finding]:
    """One finding per faulty value. `at` is where `model` stands in the file. Unknown keys are AUG003 unless
    `rule` is that of a transform's parameters."""
    places: dict[Path, list[Mapping[str, Any]]] = {}
    for fault in error.errors(include_url=False):
        if _is_consequence(fault):
            continue
        # pydantic also names the alternatives of a union in the path: cut it to what the file holds.
        path = reporter.document.nearest_path((*at, *fault["loc"]))
        if fault["type"] == "missing":
            path = (*path, fault["loc"][-1])
        places.setdefault(path, []).append(fault)
    findings = []
    for path, faults in places.items():
        if faults[0]["type"] == "extra_forbidden":
            intent = INTENTS.get(str(path[-1])) if path[0] in INTENT_HOLDERS and rule == "AUG004" else None
            near = did_you_mean(str(path[-1]), fields_at(model, path[len(at) : -1]))
            code = "AUG003" if rule == "AUG004" else rule
            if intent is not None:
                findings.append(reporter.finding(path, *intent))
                continue
            findings.append(reporter.finding(path, code, f"unknown key {path[-1]!r}.", near))
        else:
            findings.append(reporter.finding(path, rule, _sentence(path, faults), _remedy(faults)))
    return findings


def _is_consequence(fault: Mapping[str, Any]) -> bool:
    """Whether a list is only called too short because its bad items, which have faults of their own, are left out."""
    return fault["type"] == "too_short" and len(fault["input"]) >= int(fault["ctx"]["min_length"])


def fields_at(model: type[BaseModel], path: Path) -> list[str]:
    """The keys a closed model takes at a path inside it."""
    models = [model]
    for part in path:
        if isinstance(part, int):
            continue
        models = [
            inner
            for outer in models
            if part in outer.model_fields
            for inner in _models_in(outer.model_fields[str(part)].annotation)
        ]
    return sorted({name for inner in models for name in inner.model_fields})


def spell(value: Any) -> str:
    """A received value as it would be written, shortened."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _sentence(path: Path, faults: list[Mapping[str, Any]]) -> str:
    if faults[0]["type"] == "missing":
        return f"the key {path[-1]!r} is missing."
    rules = list(dict.fromkeys(_wording(fault["msg"]) for fault in faults))
    if faults[0]["type"] == "value_error":
        return f"{'; '.join(rules)}."
    return f"{' or '.join(rules)}; received {spell(faults[0]['input'])}."


def _wording(message: str) -> str:
    for pydantic_text, wording in _WORDING.items():
        if message.startswith(pydantic_text):
            message = wording + message.removeprefix(pydantic_text)
    for pydantic_text, wording in _ARTICLES.items():
        if message.startswith(pydantic_text):
            message = wording + message.removeprefix(pydantic_text)
    return message.partition(" after validation")[0]


def _remedy(faults: list[Mapping[str, Any]]) -> str:
    kinds = {str(fault["type"]) for fault in faults}
    received = faults[0]["input"]
    if "missing" in kinds:
        return "Add it."
    if "string_type" in kinds and isinstance(received, bool | int | float):
        return f'Put it in quotes: "{spell(received)}".'
    if kinds & {"bool_type", "literal_error"} and received in ("yes", "no", "on", "off", "Yes", "No", "On", "Off"):
        return "Write true or false, without quotes."
    if "literal_error" in kinds:
        allowed = [
            name.strip("'")
            for fault in faults
            for name in str(fault.get("ctx", {}).get("expected", "")).replace(" or ", ", ").split(", ")
        ]
        return did_you_mean(str(received), allowed)
    if kinds & {"tuple_type", "list_type"}:
        return "Write it as a list: [a, b]."
    return "Change it; `augmill lint --explain AUG004` says how values are read."


# A key the grammar refuses, with a better answer than "unknown": the rule, what is asked for, what to do.
INTENTS = {
    **dict.fromkeys(
        ("split", "splits", "apply_to", "applies_to", "subset", "on"),
        ("AUG102", "only real training rows are ever augmented.", "Remove the key; there is no switch for this."),
    ),
    **dict.fromkeys(
        ("keep_real", "keep_original", "keep_originals", "replace", "replace_real", "drop_real", "drop_original"),
        ("AUG103", "real rows are always kept.", "Remove the key; children are added to the real rows."),
    ),
}


INTENT_HOLDERS = ("steps", "publish")
