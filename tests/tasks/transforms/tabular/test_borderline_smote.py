"""Borderline-SMOTE: who is in danger, who is a partner, and the shorter way towards another class."""

from __future__ import annotations

import numpy as np
import pytest
from imblearn.over_sampling import BorderlineSMOTE

from augmill.policies.errors import DataError
from augmill.tasks.transforms.tabular import borderline_smote as ours

KINDS = ["borderline-1", "borderline-2"]


@pytest.mark.parametrize("kind", KINDS)
def test_given_its_draws_children_are_those_of_imbalanced_learn(kind, overlapping, pool_of, make_children, spied):
    x, y = overlapping
    pool, params = pool_of(x, y, scaled=False), ours.Params(kind=kind)
    sampler = spied(BorderlineSMOTE, kind=kind, sampling_strategy={1: 500})
    made = sampler.fit_resample(x, y)[0][len(x) :]
    ((_, theirs, rows, cols, steps, _),) = sampler.seen
    danger = sampler.in_danger_indices[1]
    state = ours.fit(params, pool)
    assert np.array_equal(np.flatnonzero(state["weights"]), danger)
    candidates = np.flatnonzero(y == 1)[theirs] if kind == "borderline-1" else theirs
    assert np.array_equal(state["neighbours"], candidates)
    foreign = y[candidates[rows, cols]] != 1
    assert foreign.any() == (kind == "borderline-2")
    # Its second draw: a generator started anew from the same seed, in the order of the foreign pairs.
    weight = steps.copy()
    weight[foreign] *= np.random.RandomState(0).uniform(0.0, 0.5, size=int(foreign.sum()))
    draws = {"partners": candidates[rows, cols][:, None], "weight": weight}
    child = make_children.applied(ours, params, pool, danger[rows], draws)
    np.testing.assert_allclose(child.numeric, made, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_with_our_draws_the_distribution_is_the_same(kind, overlapping, pool_of, make_children, same_distribution):
    x, y = overlapping
    sampler = BorderlineSMOTE(kind=kind, random_state=np.random.RandomState(1), sampling_strategy={1: 6000})
    theirs = sampler.fit_resample(x, y)[0][len(x) :]
    _, made, _ = make_children(ours, ours.Params(kind=kind), pool_of(x, y, scaled=False), 6000)
    same_distribution(made.numeric, theirs)


def test_towards_another_class_the_recorded_weight_stays_below_one_half(overlapping, pool_of, make_children):
    x, y = overlapping
    draws, _, _ = make_children(ours, ours.Params(kind="borderline-2"), pool_of(x, y), 20_000)
    foreign = y[draws["partners"][:, 0]] == 0
    assert draws["weight"][foreign].max() < 0.5
    assert draws["weight"][foreign].mean() == pytest.approx(0.125, abs=0.01)
    assert draws["weight"][~foreign].mean() == pytest.approx(0.5, abs=0.01)


def test_no_row_in_danger_is_an_error_with_advice(pool_of):
    far = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([0.0, 100.0], 30)[:, None]
    with pytest.raises(DataError, match="of 30 rows of class '1' none is in danger") as caught:
        ours.fit(ours.Params(), pool_of(far, np.repeat([0, 1], 30)))
    assert "tabular.smote" in caught.value.remedy
    assert caught.value.report == {"rule": "no_row_in_danger", "label": "1", "rows": 30, "noise": 0}
