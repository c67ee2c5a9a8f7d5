"""The seam to albumentations: its generators are seeded late, and draw what they would have drawn at once."""

import random

import numpy as np
import pytest

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.picture import Picture


def drawn_at_once(seed, count):
    """What Python's generator gives after `count` pinned values."""
    generator = random.Random(seed)
    return [generator.uniform(2.0, 2.0) for _ in range(count)], generator.uniform(0.0, 1.0), generator.randint(1, 99)


@pytest.mark.parametrize("pinned", [0, 1, 3])
def test_pinned_values_are_not_drawn_but_counted(pinned):
    tool, two = library.build("HorizontalFlip"), library.pin(2.0)
    library.parameters(tool, Picture(np.zeros((4, 4), np.uint8)), 11, {})
    py = tool.py_random
    assert ([py.uniform(*two) for _ in range(pinned)], py.uniform(0.0, 1.0), py.randint(1, 99)) == drawn_at_once(
        11, pinned
    )


def test_a_pinned_value_after_a_draw_is_drawn_as_ever():
    tool, expected = library.build("HorizontalFlip"), random.Random(12)
    library.parameters(tool, Picture(np.zeros((4, 4), np.uint8)), 12, {})
    for generator in (tool.py_random, expected):
        generator.random()
        generator.uniform(*library.pin(3.0))
    assert tool.py_random.random() == expected.random()


def test_numpys_generator_starts_anew_with_every_seed():
    tool, picture = library.build("HorizontalFlip"), Picture(np.zeros((4, 4), np.uint8))
    found = []
    for seed in (5, 6, 5):
        library.parameters(tool, picture, seed, {})
        found.append(tool.random_generator.uniform(0.0, 1.0, size=3).tolist())
    assert found[0] == found[2] != found[1]
