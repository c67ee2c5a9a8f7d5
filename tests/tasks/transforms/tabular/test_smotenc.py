"""SMOTENC: distances with categories, numbers on the line, categories by vote."""

from __future__ import annotations

import numpy as np
import pytest
from imblearn.over_sampling import SMOTENC

from augmill.tasks.transforms.table import Block
from augmill.tasks.transforms.tabular import smotenc

PARAMS = smotenc.Params()


@pytest.fixture
def mixed(overlapping):
    x, y = overlapping
    draw = np.random.default_rng(5)
    codes = np.stack([draw.integers(0, 4, len(x)), (draw.random(len(x)) < 0.4).astype(int)], axis=1)
    return x / x.std(axis=0), codes, y


@pytest.fixture
def theirs(mixed, spied):
    x, codes, y = mixed
    sampler = spied(SMOTENC, categorical_features=[3, 4], sampling_strategy={1: 1000})
    made = sampler.fit_resample(np.hstack([x, codes]), y)[0][len(x) :]
    return sampler.seen[0], made


def test_candidates_are_those_of_imbalanced_learn(mixed, theirs, pool_of):
    x, codes, y = mixed
    state = smotenc.fit(PARAMS, pool_of(x, y, codes, scaled=False))
    (_, neighbours, *_), _ = theirs
    members = np.flatnonzero(y == 1)
    assert np.array_equal(np.sort(state["neighbours"]), np.sort(members[neighbours]))


def test_given_its_draws_children_are_those_of_imbalanced_learn(mixed, theirs, pool_of, make_children):
    x, codes, y = mixed
    pool = pool_of(x, y, codes, scaled=False)
    (_, neighbours, rows, cols, steps, _), made = theirs
    members = np.flatnonzero(y == 1)
    partners = members[neighbours[rows]]
    draws = {"partners": partners, "neighbour": cols, "weight": steps, "tie": rows}
    child = make_children.applied(smotenc, PARAMS, pool, members[rows], draws)
    np.testing.assert_allclose(child.numeric, made[:, :3], rtol=1e-12, atol=1e-12)
    for j in range(2):
        votes = np.stack([(codes[partners, j] == code).sum(axis=1) for code in range(4)], axis=1)
        tied = votes == votes.max(axis=1, keepdims=True)
        clear = tied.sum(axis=1) == 1
        assert clear.sum() > 0
        assert np.array_equal(child.codes[clear, j], made[clear, 3 + j].astype(int))
        for chosen in (child.codes[:, j], made[:, 3 + j].astype(int)):
            assert tied[np.arange(len(tied)), chosen].all()


def test_with_our_draws_the_distribution_is_the_same(mixed, theirs, pool_of, make_children, same_distribution):
    x, codes, y = mixed
    _, made = theirs
    _, ours, _ = make_children(smotenc, PARAMS, pool_of(x, y, codes, scaled=False), 3000)
    same_distribution(ours.numeric, made[:, :3].astype(float))
    for j, kinds in enumerate((4, 2)):
        mine = np.bincount(ours.codes[:, j], minlength=kinds) / len(ours)
        other = np.bincount(made[:, 3 + j].astype(int), minlength=kinds) / len(made)
        assert np.abs(mine - other).max() < 0.04


def test_the_commonest_category_wins_and_ties_follow_the_recorded_draw():
    base = Block(np.zeros((4000, 1)), np.zeros((4000, 2), dtype=np.int32))
    voters = [
        Block(base.numeric, np.tile(np.array(codes, dtype=np.int32), (4000, 1)))
        for codes in ((3, 7), (1, 2), (3, 2), (0, 7), (2, 9))
    ]
    draws = {
        "neighbour": np.zeros(4000, dtype=np.int64),
        "weight": np.zeros(4000),
        "tie": np.arange(4000, dtype=np.int64),
    }
    made = smotenc.apply(PARAMS, None, [base, *voters], draws)
    assert set(made.codes[:, 0]) == {3}
    assert set(made.codes[:, 1]) == {2, 7}
    assert np.mean(made.codes[:, 1] == 2) == pytest.approx(0.5, abs=0.03)
    again = smotenc.apply(PARAMS, None, [base, *reversed(voters)], draws)
    assert np.array_equal(again.codes, made.codes)
