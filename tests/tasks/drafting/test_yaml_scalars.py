from __future__ import annotations

import pytest

from augmill.policies.yaml_source import parse
from augmill.tasks.drafting.yaml_scalars import rounded_out, to_yaml

VALUES = [
    "plain", "two words", "../data/a b.csv", "", "yes", "No", "null", "1", "007", "a: b", "# x", "<=50K", '"', "é",
    "line\nbreak", "- a", "{x}", "*a", "!tag", "~", "2020-01-31", "a,b", "[x", "True", "1e5", "x ", " x", "a#b", "a #b",
    1, -2, 0.5, 1e-07, True, False, [1, "a", "no"], {"low": 1, "a b": ["x: y"]},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_is_spelled_is_read_back(value: object) -> None:
    document = parse(f"before: [{to_yaml(value)}, {to_yaml(value)}]\nalone: {to_yaml(value)}\n")
    assert not document.faults
    assert document.value == {"before": [value, value], "alone": value}


@pytest.mark.parametrize(
    ("low", "high", "whole", "bounds"),
    [
        (6.98, 28.11, False, (1.0, 34.0)),
        (0.0, 0.43, False, (0.0, 0.54)),
        (1, 4, True, (0, 5)),
        (-3.7, -0.2, False, (-4.6, 0.0)),
        (7.0, 7.0, False, (5.2, 8.8)),
        (0, 0, True, (0, 1)),
        (1e-6, 3e-6, False, (5e-07, 3.5e-06)),
    ],
)
def test_bounds_lie_a_quarter_outside_and_keep_the_sign(
    low: float, high: float, whole: bool, bounds: tuple[float, float]
) -> None:
    found = rounded_out(low, high, whole)
    assert found == pytest.approx(bounds)
    assert found[0] <= low <= high <= found[1]
