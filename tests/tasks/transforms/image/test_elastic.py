import numpy as np

from augmill.tasks.transforms.image import elastic


def test_without_displacement_nothing_changes(run, photo):
    after, _ = run(elastic, photo, displacement_share_range=(0.0, 0.0))
    np.testing.assert_array_equal(after.image, photo)


def test_no_pixel_moves_farther_than_recorded_and_one_moves_that_far(run):
    # A horizontal ramp of one step per pixel, so that the change of value is the distance.
    ramp = np.tile(np.arange(40, 200, 2, dtype=np.uint8), (80, 1))
    after, draws = run(elastic, ramp, displacement_share_range=(0.1, 0.1), border="edge")
    moved = np.abs(after.image.astype(int) - ramp) / 2
    assert draws["displacement_share"] == 0.1
    assert 3.0 < moved.max() <= 8.5
