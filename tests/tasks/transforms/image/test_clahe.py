import numpy as np

from augmill.tasks.transforms.image import clahe


def test_a_flat_picture_gains_contrast(run):
    flat = np.tile(np.arange(100, 132, dtype=np.uint8), (32, 1))
    after, draws = run(clahe, flat, clip_limit_range=(4.0, 4.0), tiles=2)
    assert draws["clip_limit"] == 4.0
    assert after.image.std() > 1.5 * flat.std()
