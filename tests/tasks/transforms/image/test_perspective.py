import numpy as np

from augmill.tasks.transforms.image import perspective


def test_corners_that_stay_leave_the_picture_alone(run, photo):
    after, _ = run(perspective, photo, corner_shift_share_range=(0.0, 0.0))
    np.testing.assert_array_equal(after.image, photo)


def test_the_size_stays(run, photo):
    after, draws = run(perspective, photo, corner_shift_share_range=(0.2, 0.2))
    assert after.image.shape == photo.shape
    assert draws["corner_shift_share"] == 0.2
    assert not np.array_equal(after.image, photo)
