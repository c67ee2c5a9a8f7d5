"""Gaussian noise: normal, independent, scaled per column."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from tasks.transforms.table import Column, TableSpec
from tasks.transforms.tabular import gaussian_noise

PARAMS = gaussian_noise.Params(scale=0.2)


def test_noise_is_normal_in_shares_of_each_columns_deviation(overlapping, pool_of, make_children):
    pool = pool_of(*overlapping)
    bases = np.repeat(np.arange(100), 60)
    drawn = gaussian_noise.draw(PARAMS, pool.spec, {}, np.arange(6000), bases)
    made = make_children.applied(gaussian_noise, PARAMS, pool, bases, drawn)
    noise = (made.numeric - pool.block.numeric[bases]) / (0.2 * pool.spec.scales)
    for column in noise.T:
        assert kstest(column, "norm").pvalue > 0.01
    assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 0.05


def test_missing_values_stay_missing(pool_of, make_children):
    pool = pool_of([[1.0, 2.0], [3.0, 4.0]], [1, 1])
    pool.block.numeric[0, 1] = np.nan
    drawn = gaussian_noise.draw(PARAMS, pool.spec, {}, np.arange(2), np.arange(2))
    made = make_children.applied(gaussian_noise, PARAMS, pool, np.arange(2), drawn)
    assert np.isnan(made.numeric).tolist() == [[False, True], [False, False]]


@pytest.mark.parametrize(("scale", "kinds"), [(0.05, {"noise"}), (0.31, {"noise", "extreme"})])
def test_a_large_scale_is_extreme(scale, kinds):
    assert set(gaussian_noise.risks(gaussian_noise.Params(scale=scale))) == kinds


def test_a_table_without_numbers_is_refused():
    spec = TableSpec((Column("c", "categorical", domain=("a", "b"), frequent=(0, 1)),))
    assert gaussian_noise.refusals(PARAMS, spec)
