"""The closed form leaves folds out exactly, and a score does not depend on the batch it is computed in."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from augmill.tasks.verifiers import kernel_ridge
from augmill.tasks.verifiers.folds import FOLDS
from augmill.tasks.verifiers.kernel_ridge import SET_OF, SETS


@pytest.fixture(autouse=True)
def _one_thread():
    with threadpool_limits(limits=1):
        yield


RANDOM = np.random.default_rng(0)
CODES = np.repeat([0, 1], 200)
FEATURES = RANDOM.normal(size=(400, 5)) + CODES[:, None]
FOLD = np.arange(400) % FOLDS


def test_left_out_rows_do_not_move_the_model_that_leaves_them_out():
    changed = FEATURES.copy()
    codes = CODES.copy()
    codes[FOLD == 3] = 1 - codes[FOLD == 3]
    before = kernel_ridge._sums(changed, FEATURES[:50], 0.1, np.eye(50), CODES, FOLD, 2)
    after = kernel_ridge._sums(changed, FEATURES[:50], 0.1, np.eye(50), codes, FOLD, 2)
    others = [fold for fold in range(FOLDS) if fold != 3]
    assert np.array_equal(before[0][others], after[0][others])
    assert not np.array_equal(before[1][3], after[1][3])


def test_the_closed_form_equals_a_refit_without_the_folds():
    model = kernel_ridge.fit(FEATURES, CODES, FOLD, 2)
    scaled = model.scaling.apply(FEATURES)
    gamma = float(model.gamma[0])
    values, vectors = np.linalg.eigh(kernel_ridge.similarity(model.landmarks, model.landmarks, gamma))
    whiten = vectors / np.sqrt(np.maximum(values, kernel_ridge.SMALLEST))
    kept = ~np.isin(FOLD, (2, 5))
    mapped = kernel_ridge.similarity(scaled[kept], model.landmarks, gamma) @ whiten
    refit = whiten @ np.linalg.solve(
        mapped.T @ mapped + kernel_ridge.RIDGE * np.eye(len(model.landmarks)), mapped.T @ np.eye(2)[CODES[kept]]
    )
    assert np.allclose(refit, model.weights[SET_OF[(2, 5)]], atol=1e-6)


def test_scores_of_a_row_are_the_same_bits_alone_or_among_many():
    model = kernel_ridge.fit(FEATURES, CODES, FOLD, 2)
    sets = np.arange(400) % len(SETS)
    whole = model.scores(FEATURES, sets)
    for size in (1, 7, 133):
        for at in range(0, 400, 57 + size):
            part = model.scores(FEATURES[at : at + size], sets[at : at + size])
            assert all(np.array_equal(all_rows[at : at + size], own) for all_rows, own in zip(whole, part, strict=True))


def test_a_landmark_is_not_a_neighbour_of_itself_where_its_fold_is_left_out():
    model = kernel_ridge.fit(FEATURES, CODES, FOLD, 2)
    seen = model.scores(FEATURES[:1], np.array([SET_OF[(1,)]]))[1][0, 0]
    unseen = model.scores(FEATURES[:1], np.array([SET_OF[(0,)]]))[1][0, 0]
    assert seen == pytest.approx(0.0, abs=1e-9)
    assert unseen > 0.01
