import numpy as np
import pytest

from policies.errors import PolicyError
from tasks.transforms.image import grid_distortion


def test_without_distortion_nothing_changes(run, photo):
    after, _ = run(grid_distortion, photo, distortion_share_range=(0.0, 0.0), cells=4)
    np.testing.assert_array_equal(after.image, photo)


def test_more_cells_than_pixels_are_refused_with_the_remedy(run):
    with pytest.raises(PolicyError, match="Set cells to 4 or less"):
        run(grid_distortion, np.zeros((4, 9), dtype=np.uint8), cells=5)
