"""Neighbours against a loop over all pairs."""

import numpy as np
import pytest

from augmill.tasks.stats.nearest import BLOCK, count_within, nearest, radii

RANDOM = np.random.default_rng(5)
LEFT = RANDOM.normal(size=(BLOCK + 40, 4))
RIGHT = RANDOM.normal(size=(90, 4))


def pairs(left, right):
    return np.array([[np.sqrt(((one - other) ** 2).sum()) for other in right] for one in left])


def test_the_nearest_is_that_of_all_pairs():
    distance, at = nearest(LEFT, RIGHT)
    np.testing.assert_array_equal(at, pairs(LEFT, RIGHT).argmin(axis=1))
    np.testing.assert_allclose(distance, pairs(LEFT, RIGHT).min(axis=1), rtol=1e-12)


def test_a_row_among_the_references_is_no_neighbour_of_its_own():
    distance, _ = nearest(LEFT, LEFT, np.arange(len(LEFT)))
    every = pairs(LEFT, LEFT)
    np.fill_diagonal(every, np.inf)
    np.testing.assert_allclose(distance, every.min(axis=1), rtol=1e-12)


@pytest.mark.parametrize("far", [0.0, 1e3])
def test_a_tiny_distance_is_not_lost_to_rounding_however_far_out_the_rows_are(far):
    moved = RIGHT + far
    distance, _ = nearest(moved + 1e-7, moved)
    np.testing.assert_allclose(distance, 2e-7, rtol=1e-3)


def test_the_radius_reaches_the_kth_of_the_others():
    every = pairs(LEFT, LEFT)
    np.testing.assert_allclose(radii(LEFT, 3), np.sort(every, axis=1)[:, 3], rtol=1e-9)


def test_a_ball_counts_what_lies_in_it():
    radius = radii(LEFT, 3)
    np.testing.assert_array_equal(
        count_within(LEFT, radius, RIGHT), (pairs(LEFT, RIGHT) <= radius[:, None]).sum(axis=1)
    )


def test_a_ball_of_no_size_holds_rows_equal_to_its_centre():
    twins = np.repeat(1e3 * RIGHT[:5], 4, axis=0)
    np.testing.assert_array_equal(count_within(twins, radii(twins, 3), 1e3 * RIGHT[:7]), np.ones(20))
