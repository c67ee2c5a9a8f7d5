"""Nearest rows: exact, ties by pool order, the same for any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from augmill.policies.errors import DataError
from augmill.tasks.transforms.tabular import _neighbours as neighbours


def by_hand(points, rows, k):
    squares = ((points[rows][:, None, :] - points[None, :, :]) ** 2).sum(axis=-1)
    squares[np.arange(len(rows)), rows] = np.inf
    return np.argsort(squares, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize("width", [2, 5, 25])
def test_ties_are_broken_by_pool_order_however_many_there_are(width):
    points = np.random.default_rng(0).integers(0, 2, (400, width)).astype(float)
    rows = np.arange(0, 400, 3)
    assert np.array_equal(neighbours.nearest(points, rows, 5), by_hand(points, rows, 5))


def test_equal_rows_are_neighbours_and_a_row_is_never_its_own():
    points = np.zeros((40, 3))
    found = neighbours.nearest(points, np.arange(40), 5)
    assert found[0].tolist() == [1, 2, 3, 4, 5]
    assert found[39].tolist() == [0, 1, 2, 3, 4]


def test_the_whole_pool_can_be_asked_for():
    points = np.random.default_rng(0).normal(size=(6, 2))
    assert np.array_equal(neighbours.nearest(points, np.arange(6), 5), by_hand(points, np.arange(6), 5))


def test_the_answer_does_not_depend_on_the_number_of_threads():
    points = np.random.default_rng(0).integers(0, 3, (3000, 20)).astype(float)
    answers = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            answers.append(neighbours.nearest(points, np.arange(3000), 5))
    assert np.array_equal(*answers)


def test_a_large_offset_does_not_drown_the_distances(pool_of):
    x = np.random.default_rng(0).normal(size=(300, 20))
    pool = pool_of(x + 1e7, np.ones(300))
    found = neighbours.nearest(neighbours.scaled(pool.spec, pool.block), np.arange(300), 5)
    assert np.mean(found == by_hand(x / x.std(axis=0), np.arange(300), 5)) > 0.99


@pytest.mark.parametrize(("rows", "advice"), [(1, "Make its children"), (2, "Lower k_neighbors to 1"), (5, "to 4")])
def test_a_class_too_small_gives_the_lint_rules_advice(rows, advice, pool_of):
    pool = pool_of(np.eye(20), np.arange(20) < rows)
    with pytest.raises(DataError, match=r"needs at least 6 rows of class '1'") as caught:
        neighbours.require_rows("tabular.smote", pool, 5)
    assert advice in caught.value.remedy
    assert "fitted distribution per class" in caught.value.remedy
    assert caught.value.report == {"rule": "class_too_small", "label": "1", "rows": rows, "needed": 6}
