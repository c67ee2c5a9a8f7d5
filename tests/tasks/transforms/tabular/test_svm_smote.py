"""SVM-SMOTE: support vectors in danger move inwards, safe ones outwards."""

from __future__ import annotations

import numpy as np
import pytest
from imblearn.over_sampling import SVMSMOTE

from augmill.policies.errors import DataError
from augmill.tasks.transforms.tabular import svm_smote

PARAMS = svm_smote.Params()


def test_given_its_draws_children_are_those_of_imbalanced_learn(overlapping, pool_of, make_children, spied):
    x, y = overlapping
    pool = pool_of(x, y, scaled=False)
    sampler = spied(SVMSMOTE, sampling_strategy={1: 500})
    sampler.fit_resample(x, y)
    state = svm_smote.fit(PARAMS, pool)
    members, bases = np.flatnonzero(y == 1), state["bases"]
    assert len(sampler.seen) == 2
    met = set()
    for (vectors, theirs, rows, cols, steps, made), sign in zip(sampler.seen, (1.0, -0.5), strict=True):
        mine = np.array([np.flatnonzero((x == vector).all(axis=1))[0] for vector in vectors])
        places = np.searchsorted(bases, mine)
        met |= set(mine.tolist())
        assert np.array_equal(state["neighbours"][places], members[theirs])
        assert set(state["steps"][places]) == {sign}
        draws = {"partners": members[theirs[rows, cols]][:, None], "weight": steps}
        child = make_children.applied(svm_smote, PARAMS, pool, mine[rows], draws)
        assert np.array_equal(child.numeric, made)
    assert met == set(bases.tolist())


def test_with_our_draws_each_side_has_the_same_distribution(
    overlapping, pool_of, make_children, same_distribution, spied
):
    x, y = overlapping
    sampler = spied(SVMSMOTE, sampling_strategy={1: 8000})
    sampler.fit_resample(x, y)
    draws, made, _ = make_children(svm_smote, PARAMS, pool_of(x, y, scaled=False), 8000)
    for mine, (*_, theirs) in zip((draws["weight"] > 0.0, draws["weight"] < 0.0), sampler.seen, strict=True):
        same_distribution(made.numeric[mine], theirs)
    assert np.mean(draws["weight"] > 0.0) == pytest.approx(0.5, abs=0.01)
    assert -0.5 <= draws["weight"].min() < -0.49


def test_only_noise_is_an_error_with_advice(pool_of):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 2))
    y = np.zeros(400, dtype=int)
    y[:6] = 1
    x[:6] = np.stack([np.cos(np.arange(6)), np.sin(np.arange(6))], axis=1)
    with pytest.raises(DataError, match="only neighbours of other classes") as caught:
        svm_smote.fit(svm_smote.Params(m_neighbors=1), pool_of(x, y))
    assert caught.value.report["rule"] == "no_support_vector"


def test_a_pool_that_would_take_hours_is_refused(pool_of, monkeypatch, overlapping):
    monkeypatch.setattr(svm_smote, "MAX_ROWS", 100)
    with pytest.raises(DataError, match="takes hours; its limit is 100") as caught:
        svm_smote.fit(PARAMS, pool_of(*overlapping))
    assert "borderline_smote" in caught.value.remedy


def test_growing_further_than_published_is_extreme():
    assert svm_smote.risks(PARAMS) == {}
    assert "0.8" in svm_smote.risks(svm_smote.Params(out_step=0.8))["extreme"]
