import numpy as np

from augmill.tasks.transforms.image import affine
from augmill.tasks.transforms.picture import Box, Picture

STILL = {
    "scale_range": (1.0, 1.0),
    "shift_share_range": (0.0, 0.0),
    "angle_degrees_range": (0.0, 0.0),
    "shear_degrees_range": (0.0, 0.0),
}


def test_without_any_amount_nothing_changes(run, photo):
    np.testing.assert_array_equal(run(affine, photo, **STILL)[0].image, photo)


def test_a_shift_moves_image_mask_and_box_by_the_same_pixels(run, photo):
    mask = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32)
    picture = Picture(photo, mask, (Box(1, 2, 5, 9, "cell"),))
    after, draws = run(affine, picture, **{**STILL, "shift_share_range": (0.25, 0.25)})
    np.testing.assert_array_equal(after.image[6:, 8:], photo[:-6, :-8])
    np.testing.assert_array_equal(after.mask[6:, 8:], mask[:-6, :-8])
    assert not after.image[:6].any()
    assert after.boxes == (Box(9, 8, 13, 15, "cell"),)
    assert draws["shift_x_share"] == draws["shift_y_share"] == 0.25


def test_a_box_of_which_less_than_a_tenth_stays_is_dropped(run, photo):
    # Shifted by 10 to the right and 8 down: of the first box 1 column of 11 stays, of the second 9 of 18.
    boxes = (Box(21, 2, 32, 9, "gone"), Box(13, 2, 31, 9, "cut"))
    after, _ = run(affine, Picture(photo, None, boxes), **{**STILL, "shift_share_range": (0.34, 0.34)})
    assert after.boxes == (Box(23, 10, 32, 17, "cut"),)


def test_large_shifts_are_extreme():
    assert "extreme" in affine.risks(affine.Params(shift_share_range=(-0.5, 0.5)))
    assert affine.risks(affine.Params()) == {}
