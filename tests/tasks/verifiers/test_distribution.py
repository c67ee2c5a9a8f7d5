"""Copies, near copies, coverage, ranges and class shares on data whose answer is known."""

import numpy as np
import pyarrow as pa
import pytest

from augmill.tasks.verifiers import distribution
from augmill.tasks.verifiers.distribution import (
    Contents,
    class_share_gap,
    in_range,
    neighbourhood,
    other_types,
)

RANDOM = np.random.default_rng(0)
REAL = RANDOM.normal(size=(300, 4))


def words(*pairs):
    return np.array(pairs, dtype=np.uint64).reshape(-1, 2)


def test_a_copy_needs_both_words():
    assert Contents(words((1, 2), (9, 9))).hold(words((1, 2), (1, 3), (4, 2))).tolist() == [True, False, False]
    assert Contents(words((1, 2))).hold(words()).tolist() == []
    assert Contents(words()).hold(words((1, 2))).tolist() == [False]


def test_rows_that_share_one_word_only_are_looked_through():
    known = Contents(words((5, 9), (5, 3), (7, 1), (5, 3), (5, 6)))
    assert known.hold(words((5, 3), (5, 9), (5, 4), (5, 10), (7, 0), (9, 9))).tolist() == [True, True] + 4 * [False]


def test_copies_with_a_breath_of_noise_are_near_copies_and_fresh_draws_are_not():
    assert neighbourhood(REAL + 1e-4, REAL).near_copy_share == 1.0
    assert neighbourhood(RANDOM.normal(size=(300, 4)), REAL).near_copy_share < 0.02


def test_children_of_one_corner_cover_little_and_children_everywhere_cover_most():
    everywhere = neighbourhood(RANDOM.normal(size=(2000, 4)), REAL).coverage
    corner = neighbourhood(REAL[:1] + RANDOM.normal(size=(2000, 4)) * 0.05, REAL).coverage
    assert everywhere > 0.9
    assert corner < 0.1


def test_too_few_rows_are_not_measured():
    assert neighbourhood(REAL, REAL[:5]) is None
    assert neighbourhood(REAL[:0], REAL) is None


def test_the_comparison_is_capped(monkeypatch):
    monkeypatch.setattr(distribution, "SAMPLE", 50)
    assert neighbourhood(REAL, REAL).compared == (50, 50)


@pytest.mark.parametrize(
    ("value", "inside"), [(1.0, True), (5.0 + 1e-12, True), (5.1, False), (None, True), (0.9, False)]
)
def test_a_value_beyond_the_real_rows_is_out_of_range(value, inside):
    children = pa.table({"a": pa.array([value], pa.float64())})
    assert in_range(children, {"a": (1.0, 5.0)}).tolist() == [inside]


def test_an_infinite_value_is_out_of_range():
    assert in_range(pa.table({"a": [float("inf")]}), {"a": (0.0, 1.0)}).tolist() == [False]


def test_columns_of_another_type_and_columns_that_real_rows_lack_are_named():
    real = {"a": pa.int64(), "b": pa.string(), "c": pa.float64()}
    children = pa.schema([("a", pa.float64()), ("b", pa.string()), ("d", pa.float64()), ("augmill_depth", pa.int32())])
    assert other_types(children, real) == ["a", "d"]


def test_the_gap_is_the_largest_difference_of_a_share():
    assert class_share_gap({"a": 50, "b": 50}, {"a": 50, "b": 50}) == 0.0
    assert class_share_gap({"a": 50, "b": 50}, {"a": 75, "c": 25}) == 0.5
    assert class_share_gap({"a": 1}, {}) is None
