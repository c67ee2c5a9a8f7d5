import numpy as np

from augmill.tasks.transforms.image import vertical_flip
from augmill.tasks.transforms.picture import Box, Picture


def test_rows_change_sides_with_mask_and_boxes(run, photo):
    mask = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32)
    after, _ = run(vertical_flip, Picture(photo, mask, (Box(1, 2, 5, 9, "cell"),)))
    np.testing.assert_array_equal(after.image, photo[::-1])
    np.testing.assert_array_equal(after.mask, mask[::-1])
    assert after.boxes == (Box(1, 15, 5, 22, "cell"),)


def test_it_is_declared_a_risk_for_orientation():
    assert "orientation" in vertical_flip.risks(vertical_flip.Params())
