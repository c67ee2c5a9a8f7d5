import numpy as np

from augmill.tasks.transforms.image import coarse_dropout
from augmill.tasks.transforms.picture import Box, Picture

QUARTER = {
    "hole_count_range": (1, 1),
    "hole_height_share_range": (0.5, 0.5),
    "hole_width_share_range": (0.5, 0.5),
}


def test_one_hole_of_half_the_sides_covers_a_quarter(run):
    white = np.full((24, 32, 3), 255, dtype=np.uint8)
    after, draws = run(coarse_dropout, white, **QUARTER)
    assert (after.image == 0).mean() == 0.25
    assert draws["hole_count"] == 1


def test_mask_and_boxes_stay_as_they_are(run, photo):
    mask = np.ones((24, 32), dtype=np.uint8)
    after, _ = run(coarse_dropout, Picture(photo, mask, (Box(0, 0, 32, 24, "all"),)), **QUARTER)
    np.testing.assert_array_equal(after.mask, mask)
    assert after.boxes == (Box(0, 0, 32, 24, "all"),)


def test_even_the_smallest_hole_has_a_pixel(run):
    white = np.full((5, 5), 255, dtype=np.uint8)
    tiny = {"hole_height_share_range": (0.01, 0.01), "hole_width_share_range": (0.01, 0.01)}
    after, _ = run(coarse_dropout, white, hole_count_range=(1, 1), **tiny)
    assert (after.image == 0).sum() == 1


def test_random_fill_shows_on_black(run):
    after, _ = run(coarse_dropout, np.zeros((24, 32, 3), dtype=np.uint8), fill="random", **QUARTER)
    assert after.image.any()
