import numpy as np

from augmill.tasks.transforms.image import transpose
from augmill.tasks.transforms.picture import Box, Picture


def test_rows_become_columns_with_mask_and_boxes(run, photo):
    mask = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32)
    after, _ = run(transpose, Picture(photo, mask, (Box(1, 2, 5, 9, "cell"),)))
    np.testing.assert_array_equal(after.image, photo.transpose(1, 0, 2))
    np.testing.assert_array_equal(after.mask, mask.T)
    assert after.boxes == (Box(2, 1, 9, 5, "cell"),)
