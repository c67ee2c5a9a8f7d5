"""Copies, near copies, coverage, ranges and class shares on data whose answer is known."""

import numpy as np
import pyarrow as pa
import pytest

from tasks.verifiers import distribution
from tasks.verifiers.distribution import (
    bounds_of,
    class_share_gap,
    copies,
    in_range,
    neighbourhood,
    other_types,
    widest,
)

RANDOM = np.random.default_rng(0)
REAL = RANDOM.normal(size=(300, 4))


def words(*pairs):
    return np.array(pairs, dtype=np.uint64).reshape(-1, 2)


def test_a_copy_needs_both_words():
    assert copies(words((1, 2), (1, 3), (4, 2)), words((1, 2), (9, 9))).tolist() == [True, False, False]
    assert copies(words(), words((1, 2))).tolist() == []
    assert copies(words((1, 2)), words()).tolist() == [False]


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


def test_bounds_of_batches_are_the_bounds_of_all_rows():
    whole = pa.table({"a": [1, 5, None, 3], "b": [0.5, float("nan"), -2.0, float("inf")], "t": ["x", "y", "z", "w"]})
    assert bounds_of(whole) == {"a": (1.0, 5.0), "b": (-2.0, 0.5)}
    assert widest([bounds_of(whole[:1]), bounds_of(whole[1:])]) == bounds_of(whole)


@pytest.mark.parametrize(
    ("value", "inside"), [(1.0, True), (5.0 + 1e-12, True), (5.1, False), (None, True), (0.9, False)]
)
def test_a_value_beyond_the_real_rows_is_out_of_range(value, inside):
    children = pa.table({"a": pa.array([value], pa.float64())})
    assert in_range(children, {"a": (1.0, 5.0)}).tolist() == [inside]


def test_an_infinite_value_is_out_of_range():
    assert in_range(pa.table({"a": [float("inf")]}), {"a": (0.0, 1.0)}).tolist() == [False]


def test_columns_of_another_type_or_on_one_side_only_are_named():
    real = pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.float64())])
    children = pa.schema([("a", pa.float64()), ("b", pa.string()), ("d", pa.float64())])
    assert other_types(children, real) == ["a", "c", "d"]


def test_the_gap_is_the_largest_difference_of_a_share():
    assert class_share_gap({"a": 50, "b": 50}, {"a": 50, "b": 50}) == 0.0
    assert class_share_gap({"a": 50, "b": 50}, {"a": 75, "c": 25}) == 0.5
    assert class_share_gap({"a": 1}, {}) is None
