"""Targets of expectations in a few words, for people."""

from __future__ import annotations

from typing import Any

from augmill.expectations.suite import Spec


def target_of(spec: Spec) -> str:
    """What must hold, as short as a table cell: `>= 0.99`, `{0, 1}`, `a value`."""
    kwargs = spec.kwargs
    if tuple(kwargs.get("value_set", ())) == (True,):
        return "true"
    if spec.type == "expect_column_values_to_not_be_null":
        return "a value"
    words = [_bounds(kwargs, "min_value", "max_value"), _members(kwargs), _patterns(kwargs), _others(kwargs)]
    text = ", ".join(word for word in words if word) or _plain_name(spec.type)
    mostly = kwargs.get("mostly", 1.0)
    return text if mostly == 1.0 else f"{text} in {float(mostly):.4g} of the rows"


def _bounds(kwargs: dict[str, Any], low: str, high: str) -> str:
    least, most = kwargs.get(low), kwargs.get(high)
    if least is not None and most is not None:
        return f"{_number(least)}" if least == most else f"{_number(least)} to {_number(most)}"
    if least is not None:
        return f"{'>' if kwargs.get('strict_min') else '>='} {_number(least)}"
    if most is not None:
        return f"{'<' if kwargs.get('strict_max') else '<='} {_number(most)}"
    return ""


def _members(kwargs: dict[str, Any]) -> str:
    members = kwargs.get("value_set")
    if not isinstance(members, list | tuple):
        return ""
    listed = ", ".join(str(member) for member in members[:8])
    return f"{{{listed}{', ...' if len(members) > 8 else ''}}}"


def _patterns(kwargs: dict[str, Any]) -> str:
    patterns = kwargs.get("regex") or kwargs.get("regex_list") or kwargs.get("strftime_format")
    return f"matches {patterns}" if patterns else ""


def _others(kwargs: dict[str, Any]) -> str:
    for key in ("value", "type_", "type_list", "threshold", "sum_total"):
        if kwargs.get(key) is not None:
            return f"{key.rstrip('_').replace('_', ' ')} {kwargs[key]}"
    return ""


def _plain_name(name: str) -> str:
    for start in ("expect_column_values_to_", "expect_column_", "expect_"):
        if name.startswith(start):
            return name.removeprefix(start).replace("_", " ")
    return name.replace("_", " ")


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
