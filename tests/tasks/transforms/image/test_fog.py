import numpy as np

from augmill.tasks.transforms.image import fog


def test_thicker_fog_is_brighter(run):
    dark = np.full((48, 48, 3), 20, dtype=np.uint8)
    thin = run(fog, dark, particle_opacity_range=(0.04, 0.04))[0].image.mean()
    thick = run(fog, dark, particle_opacity_range=(0.2, 0.2))[0].image.mean()
    assert 20 < thin < thick
