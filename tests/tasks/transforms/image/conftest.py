"""One way to run a transform on a made picture, as the pipeline does it: build, draw, apply."""

import numpy as np
import pytest

from augmill.tasks.modalities._image_fit import draw
from augmill.tasks.modalities.modality_contract import Op
from augmill.tasks.transforms.picture import Picture


@pytest.fixture
def run():
    def _run(module, picture, *partners, seed=7, **params):
        chosen = module.Params.model_validate(params)
        tool = module.build(chosen)
        picture = picture if isinstance(picture, Picture) else Picture(picture)
        pictures = [picture, *map(Picture, partners)]
        draws = draw(Op(module.__name__, module, chosen, 1.0), tool, pictures, seed)
        after = module.apply(tool, chosen, pictures, draws)
        return after, draws

    return _run


@pytest.fixture
def photo():
    """A colour picture of 24 x 32 pixels with all values and no symmetry."""
    return np.random.default_rng(3).integers(0, 256, (24, 32, 3), dtype=np.uint8)


@pytest.fixture
def square():
    """A grey picture of 15 x 15 pixels without symmetry; its side is odd, so that it has a middle pixel."""
    return np.random.default_rng(4).integers(0, 256, (15, 15), dtype=np.uint8)
