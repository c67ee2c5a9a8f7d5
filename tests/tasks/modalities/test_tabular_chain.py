"""Which transforms of a chain fire, and from which numbers they draw."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from augmill.tasks.modalities._tabular_chain import fire, op_seeds

SEEDS = np.arange(200_000, dtype=np.int64)


def test_a_sure_transform_always_fires_and_the_others_at_their_rate():
    fired = fire([0.3, 1.0, 0.6], SEEDS)
    assert fired[:, 1].all()
    assert fired.mean(axis=0) == pytest.approx([0.3, 1.0, 0.6], abs=0.005)
    assert np.corrcoef(fired[:, 0], fired[:, 2])[0, 1] == pytest.approx(0.0, abs=0.01)


def test_patterns_have_the_probability_of_independent_draws_given_that_one_fires():
    chance = np.array([0.2, 0.05, 0.4])
    fired = fire(list(chance), SEEDS)
    none = np.prod(1.0 - chance)
    for pattern in product([False, True], repeat=3):
        expected = np.prod(np.where(pattern, chance, 1.0 - chance)) / (1.0 - none) if any(pattern) else 0.0
        assert np.mean((fired == pattern).all(axis=1)) == pytest.approx(expected, abs=0.004)


def test_a_very_small_probability_still_fires_once():
    assert fire([1e-9, 1e-9], SEEDS).sum(axis=1).tolist() == [1] * len(SEEDS)


def test_places_in_the_chain_draw_from_seeds_of_their_own():
    assert len(np.intersect1d(op_seeds(SEEDS, 0), op_seeds(SEEDS, 1))) == 0
    assert op_seeds(SEEDS, 0).min() >= 0
