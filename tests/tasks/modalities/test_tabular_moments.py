"""Exact sums: any batching and any order give the same bits."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augmill.tasks.modalities._tabular_moments import Moments

DRAW = np.random.default_rng(0)
AWKWARD = {
    "normal": DRAW.normal(size=40_000),
    "far from zero": 1e9 + DRAW.normal(size=40_000),
    "many magnitudes": DRAW.lognormal(0.0, 20.0, 40_000) * np.sign(DRAW.normal(size=40_000)),
    "whole": DRAW.integers(-(2**53), 2**53, 40_000).astype(np.float64),
}


def moments_of(*parts: np.ndarray) -> tuple[float, float]:
    moments = Moments()
    for part in parts:
        moments.add(part)
    return moments.mean, moments.deviation


@pytest.mark.parametrize("values", AWKWARD.values(), ids=AWKWARD)
def test_batching_and_order_do_not_show(values):
    whole = moments_of(values)
    assert moments_of(*np.array_split(DRAW.permutation(values), 7)) == whole
    assert moments_of(values[:1], values[1:]) == whole


@pytest.mark.parametrize("values", AWKWARD.values(), ids=AWKWARD)
def test_the_figures_are_right(values):
    mean, deviation = moments_of(values)
    assert mean == float(sum(map(Fraction, values)) / len(values))
    centred = values - mean
    assert deviation == pytest.approx(math.sqrt(math.fsum(centred**2) / len(values)), rel=1e-12)


def test_the_largest_and_smallest_floats_do_not_overflow():
    mean, deviation = moments_of(np.array([1.7e308, -1.7e308, 5e-324]))
    assert mean == 0.0
    assert deviation == pytest.approx(1.7e308 * math.sqrt(2.0 / 3.0), rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=12), st.randoms())
def test_any_floats_in_any_order_give_the_same_bits(values, random):
    whole = moments_of(np.array(values))
    random.shuffle(values)
    cut = random.randrange(len(values))
    assert moments_of(np.array(values[:cut]), np.array(values[cut:])) == whole
