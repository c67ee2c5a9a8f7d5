"""Gaussian noise: normal, independent, scaled per column."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from augmill.tasks.transforms.table import Block, Column, TableSpec
from augmill.tasks.transforms.tabular import gaussian_noise

PARAMS = gaussian_noise.Params(scale=0.2, within_range=False, keep_zeros=False)


def test_noise_is_normal_in_shares_of_each_columns_deviation(overlapping, pool_of, make_children):
    pool = pool_of(*overlapping)
    bases = np.repeat(np.arange(100), 60)
    draws = gaussian_noise.draw(PARAMS, pool.spec, {}, np.arange(6000), bases)
    made = make_children.applied(gaussian_noise, PARAMS, pool, bases, draws)
    noise = (made.numeric - pool.block.numeric[bases]) / (0.2 * pool.spec.scales)
    for column in noise.T:
        assert kstest(column, "norm").pvalue > 0.01
    assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 0.05


def test_missing_values_stay_missing(pool_of, make_children):
    pool = pool_of([[1.0, 2.0], [3.0, 4.0]], [1, 1])
    pool.block.numeric[0, 1] = np.nan
    draws = gaussian_noise.draw(PARAMS, pool.spec, {}, np.arange(2), np.arange(2))
    made = make_children.applied(gaussian_noise, PARAMS, pool, np.arange(2), draws)
    assert np.isnan(made.numeric).tolist() == [[False, True], [False, False]]


def made_from(params, values, low, high):
    spec = TableSpec((Column("amount", "continuous", scale=10.0, low=low, high=high),))
    bases = np.zeros(500, dtype=np.int64)
    draws = gaussian_noise.draw(params, spec, {}, np.arange(500), bases)
    base = Block(np.full((500, 1), values), np.empty((500, 0), dtype=np.int32))
    return gaussian_noise.apply(params, spec, [base], draws).numeric


def test_values_stay_within_the_range_of_training_rows():
    made = made_from(gaussian_noise.Params(scale=0.2), 1.0, 0.5, 3.0)
    assert (made.min(), made.max()) == (0.5, 3.0)
    free = made_from(gaussian_noise.Params(scale=0.2, within_range=False), 1.0, 0.5, 3.0)
    assert free.min() < 0.5
    assert free.max() > 3.0


def test_zeros_stay_zero_unless_told_otherwise():
    assert (made_from(gaussian_noise.Params(), 0.0, -9.0, 9.0) == 0.0).all()
    assert (made_from(gaussian_noise.Params(keep_zeros=False), 0.0, -9.0, 9.0) != 0.0).any()


@pytest.mark.parametrize(("scale", "kinds"), [(0.05, {"noise"}), (0.31, {"noise", "extreme"})])
def test_a_large_scale_is_extreme(scale, kinds):
    assert set(gaussian_noise.risks(gaussian_noise.Params(scale=scale))) == kinds


def test_a_table_without_numbers_is_refused():
    spec = TableSpec((Column("c", "categorical", domain=("a", "b"), frequent=(0, 1)),))
    assert gaussian_noise.refusals(PARAMS, spec)
