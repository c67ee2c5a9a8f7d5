"""Intervals against published examples and against the definition."""

import numpy as np
import pytest

from augmill.tasks.stats.intervals import bootstrap, difference, effective, weighted_quantile, wilson


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_score_interval_of_a_share_is_that_of_newcombe_1998a_table_1(hits, rows, low, high):
    assert wilson(hits, rows) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [
        ((56, 48), (70, 80), 0.0524, 0.3339),
        ((9, 3), (10, 10), 0.1705, 0.8090),
        ((6, 2), (7, 7), 0.0582, 0.8062),
        ((5, 0), (56, 29), -0.0381, 0.1926),
        ((0, 0), (10, 20), -0.1611, 0.2775),
        ((10, 0), (10, 20), 0.6791, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_that_of_newcombe_1998b_table_2(hits, rows, low, high):
    assert difference(hits, rows) == pytest.approx((low, high), abs=5e-5)


def test_equal_weights_know_as_much_as_their_rows_and_unequal_ones_less():
    assert effective(np.full(8, 3.0)) == pytest.approx(8.0)
    assert effective(np.array([1.0, 1.0, 8.0])) == pytest.approx(100.0 / 66.0)


def test_a_bootstrap_of_a_mean_is_as_wide_as_its_standard_error_says():
    rows = np.arange(400.0)

    def mean(random):
        return float(random.choice(rows, len(rows)).mean())

    low, high = bootstrap(mean, np.random.default_rng(3))
    assert high - low == pytest.approx(2 * 1.96 * rows.std() / np.sqrt(len(rows)), rel=0.12)
    assert low < rows.mean() < high


def test_a_weighted_quantile_counts_a_row_as_often_as_it_stands_for():
    values = np.array([3.0, 1.0, 2.0])
    assert weighted_quantile(values, np.array([1.0, 1.0, 1.0]), 0.5) == 2.0
    assert weighted_quantile(values, np.array([1.0, 5.0, 1.0]), 0.5) == 1.0
    assert weighted_quantile(values, np.array([9.0, 5.0, 1.0]), 0.5) == 3.0
