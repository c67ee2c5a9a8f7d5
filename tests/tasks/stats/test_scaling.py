"""Features are put on one footing by figures of the real rows alone."""

import numpy as np

from augmill.tasks.stats import scaling


def test_constant_columns_are_left_out_and_the_others_have_unit_spread():
    rows = np.random.default_rng(0).normal(size=(200, 3)) * [1.0, 1000.0, 0.0] + [5.0, -3.0, 7.0]
    fitted = scaling.fit(rows)
    assert fitted.keep.tolist() == [True, True, False]
    assert np.allclose(fitted.apply(rows).std(axis=0), 1.0)


def test_a_wild_value_is_cut():
    rows = np.random.default_rng(0).normal(size=(200, 1))
    assert scaling.fit(rows).apply(np.array([[1e30]])).item() == scaling.CLIP


def test_a_column_that_is_mostly_zero_still_tells_its_values_apart():
    rows = np.zeros((100, 1))
    rows[:10] = 1.0
    low, high = scaling.fit(rows).apply(np.array([[0.0], [1.0]])).ravel()
    assert high - low > 1.0
