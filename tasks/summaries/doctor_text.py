"""What `augmill doctor` found, for a person: a line for each thing, and below those that are not well what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SIGNS = {"ok": "ok", "warn": "! ", "fail": "!!"}


def shown(answers: Sequence[Mapping[str, str]]) -> str:
    """The table, and how many things are not well."""
    width = max((len(answer["name"]) for answer in answers), default=0)
    lines = []
    for answer in answers:
        lines.append(f"{SIGNS[answer['status']]}  {answer['name'].ljust(width)}  {answer['found']}")
        if answer["remedy"]:
            lines.append(f"{' ' * (width + 6)}{answer['remedy']}")
    return "\n".join([*lines, "", _summary(answers)]) + "\n"


def _summary(answers: Sequence[Mapping[str, str]]) -> str:
    failed = sum(answer["status"] == "fail" for answer in answers)
    warned = sum(answer["status"] == "warn" for answer in answers)
    if not failed + warned:
        return "All is well."
    return f"{failed} to mend, {warned} to look at."
