"""What mixing transforms share: who the partner is, how its picture is made to fit, and how the label is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from augmill.tasks.rows.randomness import generator, integers
from augmill.tasks.transforms.picture import Picture

I64 = NDArray[np.int64]


def partners(seeds: I64, bases: I64, pool_size: int) -> I64:
    """One row of the pool per child, shape (n, 1), every other row equally likely; never the base itself."""
    others = integers(seeds, "partner", pool_size - 1)
    return np.asarray(others + (others >= bases), dtype=np.int64)[:, None]


def base_share(seed: int, alpha: float, most: float = 1.0) -> float:
    """The base's share of the label, from Beta(alpha, alpha) given that it lies in 0.5 to `most`.

    Beta(alpha, alpha) is symmetric, so this is the fold that keeps the base's label the hard one.
    """
    from scipy.special import betainc, betaincinv

    below = 0.5 + generator(seed).random() * (float(betainc(alpha, alpha, most)) - 0.5)
    return min(max(float(betaincinv(alpha, alpha, below)), 0.5), most)


def resized_to_base(partner: Picture, base: Picture) -> NDArray[Any]:
    """The partner's pixels at the base's size."""
    import cv2

    height, width = base.image.shape[:2]
    if partner.image.shape[:2] == (height, width):
        return partner.image
    shrinks = partner.image.shape[0] * partner.image.shape[1] > height * width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(partner.image, (width, height), interpolation=method))
