"""Random oversampling: imbalanced-learn draws rows with replacement, we spread copies evenly."""

from __future__ import annotations

import numpy as np

from augmill.tasks.transforms.tabular import random_oversample


def test_a_child_is_its_base(overlapping, pool_of, make_children):
    pool = pool_of(*overlapping)
    bases = np.array([5, 5, 9])
    draws = random_oversample.draw(random_oversample.Params(), pool.spec, {}, bases, bases)
    made = make_children.applied(random_oversample, random_oversample.Params(), pool, bases, draws)
    assert draws == {}
    assert np.array_equal(made.numeric, pool.block.numeric[bases])
    assert random_oversample.BEHAVIOUR.copies
