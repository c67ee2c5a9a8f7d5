import numpy as np

from augmill.tasks.transforms.image import random_resized_crop
from augmill.tasks.transforms.picture import Picture


def test_the_whole_picture_at_its_own_size_is_the_picture(run, square):
    after, draws = run(random_resized_crop, square, area_share_range=(1.0, 1.0), aspect_ratio_range=(1.0, 1.0))
    np.testing.assert_array_equal(after.image, square)
    assert [draws[name] for name in random_resized_crop.CORNERS] == [0, 0, 15, 15]


def test_a_given_size_is_kept_and_mask_values_are_not_mixed(run, photo):
    mask = np.where(np.arange(32) < 16, 1, 60000).astype(np.uint16) * np.ones((24, 1), dtype=np.uint16)
    after, _ = run(random_resized_crop, Picture(photo, mask), height_px=50, width_px=70)
    assert after.image.shape == (50, 70, 3)
    assert set(np.unique(after.mask)) <= {1, 60000}


def test_the_image_is_the_recorded_cut(run, square):
    import cv2

    after, draws = run(random_resized_crop, square, area_share_range=(0.3, 0.5))
    x_min, y_min, x_max, y_max = (draws[name] for name in random_resized_crop.CORNERS)
    np.testing.assert_array_equal(after.image, cv2.resize(square[y_min:y_max, x_min:x_max], (15, 15)))
