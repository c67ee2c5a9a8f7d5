"""What a draft says of personal data: how columns could be treated, and that the others are to stay free of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from augmill.expectations.detector import find
from augmill.policies.rules.personal_data import called_personal
from augmill.tasks.drafting.column_profile import ColumnLook
from augmill.tasks.drafting.source_profile import Look
from augmill.tasks.drafting.yaml_scalars import spelled

# Texts of fewer kinds are listed in the suite one by one; a new one fails there already.
_FEWEST_TEXTS = 30
_NAME = "expect_column_values_to_hold_no_personal_data"


def treatment_lines(seen: Look) -> list[str]:
    """A `source.pii` in comments, each entry with its reason: nothing is changed before somebody has decided."""
    policy = seen.policy
    needed = {policy.label, policy.key, policy.split.group, policy.split.column}
    found = [(column, _reason(column)) for column in seen.columns.values() if column.kind == "string"]
    entries = [
        f"  #   {spelled(column.name)}: {'hash' if column.name in needed else _treatment(column)}  # {reason}"
        for column, reason in found
        if reason
    ]
    head = "  # pii:  # take the # away to treat these before anything is written; hash takes AUGMILL_PII_KEY"
    return [head, *entries] if entries else []


def expectation_lines(columns: Sequence[ColumnLook]) -> Iterator[str]:
    """Free texts are to hold no personal data; those that do now have the line in a comment, for after treatment."""
    for column in columns:
        if column.kind == "string" and (column.many or len(column.values) > _FEWEST_TEXTS or column.personal):
            line = f"- {{type: {_NAME}, kwargs: {{column: {spelled(column.name)}}}}}"
            yield f"  # {line}  # once source.pii treats it" if column.personal else f"  {line}"


def _reason(column: ColumnLook) -> str:
    if column.personal:
        return "in its texts: " + ", ".join(f"{what} ({count:,})" for what, count in column.personal.items())
    word = called_personal(column.name)
    return f"it is called like personal data ({word})" if word else ""


def _treatment(column: ColumnLook) -> str:
    """Texts among which something personal stands are masked, cells that are nothing else hashed."""
    texts = [text for text in column.examples if find(text)]
    whole = [text for text in texts if [text.strip()] == [text[one.start : one.end] for one in find(text)]]
    return "mask" if column.personal and 2 * len(whole) < len(texts) else "hash"
