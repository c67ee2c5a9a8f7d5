import numpy as np

from augmill.tasks.transforms.image import motion_blur


def test_a_point_becomes_a_line_of_the_recorded_length(run):
    point = np.zeros((15, 15), dtype=np.uint8)
    point[7, 7] = 255
    after, draws = run(motion_blur, point, length_px_range=(5, 5), angle_degrees_range=(0.0, 0.0))
    assert draws["length_px"] == 5
    np.testing.assert_array_equal(after.image[7, 5:10], [51] * 5)
    assert after.image.sum() == 255
