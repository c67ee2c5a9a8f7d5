"""Personal data in a draft: how columns could be treated, and expectations that the others stay free of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from augmill.expectations.detector import find
from augmill.policies.rules.personal_data import called_personal
from augmill.tasks.drafting.column_profile import ColumnProfile
from augmill.tasks.drafting.source_profile import SourceProfile
from augmill.tasks.drafting.yaml_scalars import to_yaml

# Texts of fewer kinds are listed in the suite one by one; a new one fails there already.
_FEWEST_TEXTS = 30
_NAME = "expect_column_values_to_hold_no_personal_data"


def treatment_lines(profile: SourceProfile) -> list[str]:
    """A `source.pii` in comments, each entry with its reason: nothing is changed before somebody has decided."""
    policy = profile.policy
    needed = {policy.label, policy.key, policy.split.group, policy.split.column}
    reasons = [(column, _reason(column)) for column in profile.columns.values() if column.kind == "string"]
    entries = [
        f"  #   {to_yaml(column.name)}: {'hash' if column.name in needed else _treatment(column)}  # {reason}"
        for column, reason in reasons
        if reason
    ]
    head = "  # pii:  # take the # away to treat these before anything is written; hash takes AUGMILL_PII_KEY"
    return [head, *entries] if entries else []


def expectation_lines(columns: Sequence[ColumnProfile]) -> Iterator[str]:
    """Free texts are to hold no personal data; those that do now have the line in a comment, for after treatment."""
    for column in columns:
        if column.kind == "string" and (column.many or len(column.values) > _FEWEST_TEXTS or column.personal):
            line = f"- {{type: {_NAME}, kwargs: {{column: {to_yaml(column.name)}}}}}"
            yield f"  # {line}  # once source.pii treats it" if column.personal else f"  {line}"


def _reason(column: ColumnProfile) -> str:
    if column.personal:
        return "in its texts: " + ", ".join(f"{what} ({count:,})" for what, count in column.personal.items())
    word = called_personal(column.name)
    return f"it is called like personal data ({word})" if word else ""


def _treatment(column: ColumnProfile) -> str:
    """`mask` where personal data are part of longer texts, `hash` where they are the whole cell."""
    texts = [text for text in column.examples if find(text)]
    fully_personal = [
        text for text in texts if [text.strip()] == [text[match.start : match.end] for match in find(text)]
    ]
    return "mask" if column.personal and 2 * len(fully_personal) < len(texts) else "hash"
