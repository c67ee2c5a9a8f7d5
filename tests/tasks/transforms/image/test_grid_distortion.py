import numpy as np
import pytest

from augmill.policies.errors import PolicyError
from augmill.tasks.transforms.image import grid_distortion


def test_the_recorded_share_bounds_how_far_pixels_move(run):
    ramp = np.tile(np.arange(20, 220, 2, dtype=np.uint8), (100, 1))
    little, _ = run(grid_distortion, ramp, distortion_share_range=(0.0, 0.0), border="edge")
    much, draws = run(grid_distortion, ramp, distortion_share_range=(0.5, 0.5), border="edge")
    assert draws["distortion_share"] == 0.5
    # The library's grid counts both ends of a cell, so that without any distortion pixels move by up to one.
    assert np.abs(little.image.astype(int) - ramp).max() <= 3
    assert 4 < np.abs(much.image.astype(int) - ramp).max() <= 80


def test_more_cells_than_pixels_are_refused_with_the_remedy(run):
    with pytest.raises(PolicyError, match="Set cells to 4 or less"):
        run(grid_distortion, np.zeros((4, 9), dtype=np.uint8), cells=5)
