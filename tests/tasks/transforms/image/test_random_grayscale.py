import numpy as np

from augmill.tasks.transforms.image import random_grayscale


def test_all_channels_get_the_same_weighted_mean(run, photo):
    after, _ = run(random_grayscale, photo)
    np.testing.assert_allclose(after.image[..., 0], photo @ np.array([0.299, 0.587, 0.114]), atol=1)
    np.testing.assert_array_equal(after.image[..., 0], after.image[..., 2])
