"""The text of a drafted suite: what held for every usable row seen, with room for the next ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from augmill.expectations.detector import mask
from augmill.tasks.drafting.column_profile import ColumnProfile
from augmill.tasks.drafting.personal_columns import expectation_lines
from augmill.tasks.drafting.source_profile import CONTRAST, MOST_QUARANTINED, SourceProfile
from augmill.tasks.drafting.yaml_scalars import rounded_out, to_yaml

# Texts of more kinds than this are not listed: new ones are to be expected.
_MOST_CATEGORIES = 30
_BUDGET = 0.01
# Pictures, lists and bytes are judged by their facts, not as cells.
_DATES = frozenset({"date32", "timestamp"})
_JUDGED = frozenset({"bool", "int64", "float64", "string"}) | _DATES


def suite_text(profile: SourceProfile) -> str:
    """The whole file."""
    lines = [
        f"# Drafted by `augmill init` from {profile.rows:,} rows; `expectations` go by their Great Expectations names.",
        f"name: {profile.policy.dataset}",
        "# Over this share of rows in quarantine the run fails and nothing is published.",
        *([f"# {profile.failure} Mend the rows rather than raise it."] if profile.would_fail else []),
        f"budget: {{max_quarantine_share: {_budget(profile):g}}}",
        *_presence(profile),
        "expectations:",
        *_all("expect_table_row_count_to_be_between", min_value=max(1, sum(profile.classes.values()) // 2)),
        *_label(profile),
        *_pictures(profile),
    ]
    others = [
        column for column in profile.columns.values() if column.name != profile.policy.label and column.kind in _JUDGED
    ]
    lines += _numbers(profile)
    lines += _filled(others)
    lines += _ranges([column for column in others if column.is_number and column.name not in profile.policy.ignore])
    lines += _categories(
        [column for column in others if column.name not in profile.policy.ignore and not column.personal]
    )
    lines += expectation_lines(others)
    return "\n".join(lines) + "\n"


def _budget(profile: SourceProfile) -> float:
    """Twice the share of unusable rows, in whole per cents, up to the limit of a draft."""
    return min(MOST_QUARANTINED, max(_BUDGET, math.ceil(200 * profile.unusable_share) / 100))


def _presence(profile: SourceProfile) -> Iterator[str]:
    if not profile.gaps:
        yield "columns: {extra: allow, missing: refuse}"
        return
    for name, files in profile.gaps.items():
        total = len(profile.listing.objects)
        yield f"# {to_yaml(name)} is missing from {len(files):,} of {total:,} files: {files[0]} ..."
    yield "columns: {extra: allow, missing: allow}  # such rows have no value there; `refuse` if they should have one"


def _label(profile: SourceProfile) -> list[str]:
    label = profile.policy.label
    if label is None:
        return []
    present = list(_all("expect_column_values_to_not_be_null", column=label))
    if profile.columns[label].kind in _DATES:
        return [*present, "  # Its classes are dates, and no set of texts holds a date: which they are is not judged."]
    values = sorted(profile.columns[label].values)
    return [
        *present,
        *_all("expect_column_values_to_be_in_set", column=label, value_set=values),
        *_all("expect_column_distinct_values_to_contain_set", column=label, value_set=values),
    ]


def _pictures(profile: SourceProfile) -> list[str]:
    lines: list[str] = []
    for column in (fact for fact in profile.facts.values() if fact.name != CONTRAST):
        if column.is_number and column.name != "image.channels" and column.low < column.high:
            bounds = {"min_value": math.floor(column.low / 2), "max_value": math.ceil(column.high * 2)}
            lines += _all("expect_column_values_to_be_between", column=column.name, **bounds)
        elif column.name != "image.bytes":
            lines += _all("expect_column_values_to_be_in_set", column=column.name, value_set=sorted(column.values))
    return ["  # Pictures half or twice the size seen are as welcome as these.", *lines] if lines else []


def _numbers(profile: SourceProfile) -> list[str]:
    lines: list[str] = []
    for name, column in profile.mended.items():
        lines += [
            f"  # {to_yaml(name)}: {column.numbers_share:.1%} of its values are numbers; rows where it is none, as in"
            f" {' or '.join(to_yaml(mask(text)[:40]) for text in sorted(column.odd))}, are",
            "  # quarantined. Without this line all its values would be texts.",
            *_all("expect_column_values_to_be_of_type", column=name, type_=column.numbers_kind),
        ]
    return lines


def _filled(columns: list[ColumnProfile]) -> list[str]:
    lines: list[str] = []
    for column in columns:
        if column.nulls == 0:
            lines += _all("expect_column_values_to_not_be_null", column=column.name)
        else:
            lines.append(
                f"  # {to_yaml(column.name)} has no value in {column.nulls / max(1, column.rows):.1%} of the rows."
            )
    return lines


def _ranges(columns: list[ColumnProfile]) -> list[str]:
    lines: list[str] = []
    for column in columns:
        if column.low <= column.high:
            low, high = rounded_out(column.low, column.high, column.kind == "int64")
            lines += _all("expect_column_values_to_be_between", column=column.name, min_value=low, max_value=high)
    comment = "  # Bounds lie about a quarter outside the values seen: they catch wrong units, not unusual samples."
    return [comment, *lines] if lines else []


def _categories(columns: list[ColumnProfile]) -> list[str]:
    lines: list[str] = []
    for column in columns:
        if column.kind == "string" and 0 < len(column.values) <= _MOST_CATEGORIES and not column.many:
            lines += _all("expect_column_values_to_be_in_set", column=column.name, value_set=sorted(column.values))
    return ["  # Every category seen; a row with another one is quarantined.", *lines] if lines else []


def _all(kind: str, **kwargs: Any) -> Iterator[str]:
    yield f"  - {{type: {kind}, kwargs: {to_yaml(kwargs)}}}"
