"""SMOTE: imbalanced-learn's candidates and arithmetic, our draws."""

from __future__ import annotations

import numpy as np
from imblearn.over_sampling import SMOTE

from augmill.tasks.transforms.tabular import smote

PARAMS = smote.Params()


def test_given_its_draws_children_are_those_of_imbalanced_learn(overlapping, pool_of, make_children, spied):
    x, y = overlapping
    pool = pool_of(x, y, scaled=False)
    sampler = spied(SMOTE, sampling_strategy={1: 500})
    made = sampler.fit_resample(x, y)[0][len(x) :]
    ((_, theirs, rows, cols, steps, _),) = sampler.seen
    state = smote.fit(PARAMS, pool)
    members = np.flatnonzero(y == 1)
    assert np.array_equal(state["neighbours"], members[theirs])
    draws = {"partners": state["neighbours"][rows, cols][:, None], "weight": steps}
    ours = make_children.applied(smote, PARAMS, pool, members[rows], draws)
    assert np.array_equal(ours.numeric, made)


def test_neighbours_are_found_on_scaled_features(overlapping, pool_of):
    x, y = overlapping
    scaled, raw = smote.fit(PARAMS, pool_of(x, y)), smote.fit(PARAMS, pool_of(x, y, scaled=False))
    reference = SMOTE(random_state=0)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    reference.fit_resample(standard, y)
    members = np.flatnonzero(y == 1)
    theirs = members[reference.nn_k_.kneighbors(standard[members], return_distance=False)[:, 1:]]
    assert np.array_equal(scaled["neighbours"], theirs)
    assert not np.array_equal(scaled["neighbours"], raw["neighbours"])


def test_with_our_draws_the_distribution_is_the_same(overlapping, pool_of, make_children, same_distribution):
    x, y = overlapping
    theirs = SMOTE(random_state=1, sampling_strategy={1: 6000}).fit_resample(x, y)[0][len(x) :]
    _, ours, _ = make_children(smote, PARAMS, pool_of(x, y, scaled=False), 6000)
    same_distribution(ours.numeric, theirs)


def test_every_neighbour_is_met_equally_often(overlapping, pool_of, make_children):
    draws, _, bases = make_children(smote, PARAMS, pool_of(*overlapping), 30_000)
    pairs, counts = np.unique(np.stack([bases, draws["partners"][:, 0]]), axis=1, return_counts=True)
    assert pairs.shape[1] == 30 * 5
    assert counts.min() > 140
    assert counts.max() < 260
    assert abs(draws["weight"].mean() - 0.5) < 0.01
