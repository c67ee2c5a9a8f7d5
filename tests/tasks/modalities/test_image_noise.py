import numpy as np
import pytest

from augmill.tasks.modalities._image_noise import MIN_SIDE, noise_share


@pytest.mark.parametrize("shape", [(128, 128), (128, 128, 3)])
def test_the_noise_put_in_is_the_noise_found(shape):
    random = np.random.default_rng(0)
    # The channels of a grey sensor's picture are noisy together.
    noise = random.normal(0, 0.05 * 255, shape[:2]).reshape(128, 128, *[1] * (len(shape) - 2))
    slope = np.linspace(80, 160, 128).reshape(1, 128, *[1] * (len(shape) - 2))
    picture = np.clip(np.broadcast_to(slope + noise, shape), 0, 255).astype(np.uint8)
    assert noise_share([picture]) == pytest.approx(0.05, rel=0.1)


def test_planes_and_edges_are_no_noise():
    picture = np.zeros((64, 64), dtype=np.uint16)
    picture[:, 32:] = 60000
    assert noise_share([picture]) < 0.005


def test_small_pictures_say_nothing_and_the_median_counts():
    small = np.zeros((MIN_SIDE - 1, 100), dtype=np.uint8)
    assert noise_share([small]) is None
    assert noise_share([]) is None
    random = np.random.default_rng(0)
    noisy = random.integers(0, 256, (64, 64), dtype=np.uint8)
    plain = np.full((64, 64), 7, dtype=np.uint8)
    assert noise_share([plain, noisy, plain, small]) == 0.0
