"""ADASYN: bases by the share of other classes around them, partners within the class."""

from __future__ import annotations

import numpy as np
import pytest
from imblearn.over_sampling import ADASYN

from augmill.policies.errors import DataError
from augmill.tasks.transforms.tabular import adasyn

PARAMS = adasyn.Params()


def reference(x, y, count):
    """imbalanced-learn's children: base after base in order, each as often as its rounded quota of `count`."""
    return ADASYN(random_state=0, sampling_strategy={1: count + int(y.sum())}).fit_resample(x, y)[0][len(x) :]


def test_bases_and_candidates_are_those_of_imbalanced_learn(overlapping, pool_of, make_children):
    x, y = overlapping
    pool = pool_of(x, y, scaled=False)
    state = adasyn.fit(PARAMS, pool)
    made = reference(x, y, 607)  # a prime, so that no quota ends in exactly one half
    bases = np.repeat(np.arange(len(y)), np.rint(state["weights"] * 607).astype(int))
    assert len(bases) == len(made)
    # Each of its children is ours for one of our neighbours and the weight that puts it there.
    place = np.searchsorted(state["bases"], bases)
    closest = np.full(len(made), np.inf)
    for partners in state["neighbours"][place].T:
        along = x[partners] - x[bases]
        weight = ((made - x[bases]) * along).sum(axis=1) / (along**2).sum(axis=1)
        draws = {"partners": partners[:, None], "weight": weight}
        child = make_children.applied(adasyn, PARAMS, pool, bases, draws).numeric
        off = np.where((weight >= 0.0) & (weight < 1.0), np.abs(child - made).max(axis=1), np.inf)
        closest = np.minimum(closest, off)
    assert closest.max() < 1e-9


def test_with_our_draws_the_distribution_is_the_same(overlapping, pool_of, make_children, same_distribution):
    x, y = overlapping
    _, made, _ = make_children(adasyn, PARAMS, pool_of(x, y, scaled=False), 6000)
    same_distribution(made.numeric, reference(x, y, 6000))


def test_a_class_far_from_all_others_is_an_error_with_advice(pool_of):
    far = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([0.0, 100.0], 30)[:, None]
    with pytest.raises(DataError, match="would make nothing") as caught:
        adasyn.fit(PARAMS, pool_of(far, np.repeat([0, 1], 30)))
    assert "tabular.smote" in caught.value.remedy
