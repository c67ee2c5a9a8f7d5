import numpy as np
import pytest

from augmill.tasks.transforms.image import brightness_contrast


@pytest.mark.parametrize(("dtype", "shift"), [(np.uint8, 51), (np.uint16, 13107)])
def test_the_shift_is_a_share_of_the_full_range(run, dtype, shift):
    dark = np.full((5, 5), 100, dtype=dtype)
    after, _ = run(brightness_contrast, dark, brightness_shift_range=(0.2, 0.2), contrast_factor_range=(1.0, 1.0))
    np.testing.assert_allclose(after.image, 100 + shift, atol=1)


def test_contrast_multiplies(run, photo):
    after, _ = run(brightness_contrast, photo, brightness_shift_range=(0.0, 0.0), contrast_factor_range=(0.5, 0.5))
    np.testing.assert_allclose(after.image, photo * 0.5, atol=1)
