"""Mixup: the folded Beta weight, the partner, the blend."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from augmill.policies.errors import DataError
from augmill.tasks.transforms.tabular import mixup


def drawn_for(pool, bases, alpha=0.4):
    return mixup.draw(mixup.Params(alpha=alpha), pool.spec, {"size": len(pool.block)}, np.arange(len(bases)), bases)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_the_weight_is_beta_given_that_it_lies_between_a_half_and_95_percent(alpha, overlapping, pool_of):
    pool = pool_of(*overlapping)
    weight = drawn_for(pool, np.zeros(5000, dtype=np.int64), alpha)["weight"]
    folded = np.random.default_rng(0).beta(alpha, alpha, 5000)
    assert weight.min() >= 0.5
    assert weight.max() <= 0.95
    folded = np.maximum(folded, 1.0 - folded)
    assert kstest(weight, folded[folded <= 0.95]).pvalue > 0.01


def test_a_whole_number_between_two_that_are_ten_apart_is_neither(pool_of, make_children):
    pool = pool_of([[0.0], [11.0]], [1, 0])
    bases = np.zeros(5000, dtype=np.int64)
    made = make_children.applied(mixup, mixup.Params(alpha=0.2), pool, bases, drawn_for(pool, bases, 0.2))
    assert np.rint(made.numeric).min() >= 1.0


def test_partners_are_all_other_rows_alike(overlapping, pool_of):
    pool = pool_of(*overlapping)
    bases = np.arange(24_000) % 120
    partners = drawn_for(pool, bases)["partners"][:, 0]
    assert not (partners == bases).any()
    counts = np.bincount(partners, minlength=120)
    assert counts.min() > 140
    assert counts.max() < 260


def test_numbers_are_blended_and_categories_taken_whole(pool_of, make_children):
    pool = pool_of([[0.0], [8.0]], [1, 0], [[0], [1]])
    bases = np.zeros(20_000, dtype=np.int64)
    draws = drawn_for(pool, bases, alpha=1.0)
    made = make_children.applied(mixup, mixup.Params(alpha=1.0), pool, bases, draws)
    np.testing.assert_allclose(made.numeric[:, 0], 8.0 * (1.0 - draws["weight"]), rtol=1e-12)
    assert np.array_equal(made.codes[:, 0], draws["from_partner"][:, 0])
    assert made.codes.mean() == pytest.approx((1.0 - draws["weight"]).mean(), abs=0.01)


def test_a_lone_row_is_an_error_with_advice(pool_of):
    pool = pool_of([[0.0]], [1], scaled=False)
    with pytest.raises(DataError, match="needs a second training row"):
        drawn_for(pool, np.zeros(1, dtype=np.int64))


def test_near_equal_mixtures_are_extreme():
    assert mixup.risks(mixup.Params()) == {}
    assert "alpha 3" in mixup.risks(mixup.Params(alpha=3.0))["extreme"]
