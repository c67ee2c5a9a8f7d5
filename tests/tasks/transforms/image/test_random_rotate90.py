import numpy as np
import pytest

from augmill.tasks.transforms.image import random_rotate90


@pytest.mark.parametrize("seed", range(6))
def test_turns_by_the_recorded_quarters_and_never_by_none(run, photo, seed):
    after, draws = run(random_rotate90, photo, seed=seed)
    assert draws["quarter_turns"] in (1, 2, 3)
    np.testing.assert_array_equal(after.image, np.rot90(photo, draws["quarter_turns"]))


def test_all_three_turns_are_drawn(run, photo):
    assert {run(random_rotate90, photo, seed=seed)[1]["quarter_turns"] for seed in range(30)} == {1, 2, 3}
