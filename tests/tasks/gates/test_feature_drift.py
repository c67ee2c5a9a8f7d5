"""Drift of one column against SciPy and against sums by hand."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import ks_2samp

from augmill.tasks.gates.feature_drift import MOST_CATEGORIES, drift_of, kolmogorov_smirnov, total_variation

RANDOM = np.random.default_rng(8)


def column(values, kind=None):
    return pa.chunked_array([pa.array(values, kind)])


def drift(before, now, weights=None, kind=None):
    weights = np.ones(len(before)) if weights is None else np.asarray(weights, dtype=np.float64)
    return drift_of("x", column(before, kind), weights, column(now, kind), np.random.default_rng(1))


@pytest.mark.parametrize("step", [0.0, 0.5])
def test_the_distance_of_numbers_is_that_of_scipy_ties_included(step):
    before, now = RANDOM.normal(size=300), RANDOM.normal(0.4, 1.2, size=170)
    if step:
        before, now = np.round(before / step) * step, np.round(now / step) * step
    known = ks_2samp(before, now).statistic
    assert kolmogorov_smirnov(before, np.ones(300), now) == pytest.approx(known, rel=1e-12)
    found = drift(before.tolist(), now.tolist())
    assert found.figure == pytest.approx(known, rel=1e-12)
    assert found.interval[0] < known < found.interval[1]


def test_a_row_that_stands_for_three_counts_as_three():
    before, now = [1.0, 2.0, 5.0], [2.0, 3.0]
    assert drift(before, now, [3, 1, 2]).figure == drift([1.0] * 3 + [2.0] + [5.0] * 2, now).figure


def test_the_distance_of_categories_is_half_the_sum_of_differences():
    found = drift(["a"] * 6 + ["b"] * 4, ["a"] * 2 + ["c"] * 8)
    assert found.figure == pytest.approx((0.4 + 0.4 + 0.8) / 2)
    assert found.words == "c 0.0% -> 80.0%"
    assert found.interval[0] <= found.figure <= found.interval[1]
    assert total_variation(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == 0.5


def test_the_same_categories_have_an_interval_that_begins_at_nothing():
    assert drift(["a", "b"] * 200, ["a", "b"] * 100).interval[0] == 0.0


def test_values_that_are_missing_more_often_are_drift_too():
    found = drift([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, None, None, None, 3.0, 4.0, None])
    assert found.figure == 0.5
    assert found.words.endswith("values missing")
    assert drift([1.0, 2.0], [None, None], kind=pa.float64()).figure == 1.0


@pytest.mark.parametrize(
    "values",
    [[[1.0]], ["2020-01-01"], [str(number) for number in range(MOST_CATEGORIES + 1)]],
    ids=["lists", "dates", "texts"],
)
def test_what_is_no_feature_does_not_drift(values):
    kind = pa.date32() if values == ["2020-01-01"] else None
    rows = pa.array(values).cast(kind) if kind else pa.array(values)
    chunked = pa.chunked_array([rows])
    assert drift_of("x", chunked, np.ones(len(values)), chunked, np.random.default_rng(1)) is None


def test_booleans_are_categories():
    assert drift([True, True, False, False], [True, False, False, False]).figure == 0.25
