import numpy as np

from augmill.tasks.transforms.image import gaussian_blur


def test_a_point_spreads_as_a_gaussian_of_the_recorded_sigma(run):
    point = np.zeros((31, 31), dtype=np.uint8)
    point[15, 15] = 255
    after, draws = run(gaussian_blur, point, sigma_px_range=(1.0, 1.0))
    assert draws["sigma_px"] == 1.0
    assert abs(int(after.image[15, 15]) - 255 / (2 * np.pi)) <= 1
    assert abs(int(after.image[15, 16]) - 255 * np.exp(-0.5) / (2 * np.pi)) <= 1
