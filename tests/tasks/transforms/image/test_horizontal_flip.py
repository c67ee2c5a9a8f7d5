import numpy as np

from augmill.tasks.transforms.image import horizontal_flip
from augmill.tasks.transforms.picture import Box, Picture


def test_columns_change_sides_with_mask_and_boxes(run, photo):
    mask = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32)
    after, draws = run(horizontal_flip, Picture(photo, mask, (Box(1, 2, 5, 9, "cell"),)))
    np.testing.assert_array_equal(after.image, photo[:, ::-1])
    np.testing.assert_array_equal(after.mask, mask[:, ::-1])
    assert after.boxes == (Box(27, 2, 31, 9, "cell"),)
    assert [key for key in draws if not key.startswith("_")] == []
