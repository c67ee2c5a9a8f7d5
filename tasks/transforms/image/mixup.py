"""Blend a picture with another one, and their labels in the same proportion (mixup, Zhang et al. 2018).

Hurts where a blend means nothing (text, counting), and needs a loss that takes soft labels. The base's share is
at least a half, so that its label stays the hard one, and leaves the partner enough to change a pixel by one level:
below that the child is the base with another label. Masks and boxes have no blend and are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from augmill.tasks.transforms.image import _mixing
from augmill.tasks.transforms.image._mixing import I64
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters


class Params(Parameters):
    """The share is drawn from Beta(alpha, alpha), given that the partner shows: small values keep children close."""

    alpha: Annotated[float, Field(ge=0.01, le=10)] = 0.4


ACCEPTS = Accepts(
    channels=frozenset({1, 3, 4}),
    dtypes=frozenset({"uint8", "uint16"}),
    targets=frozenset({"image"}),
    unlabelled=False,
)
BEHAVIOUR = Behaviour(label="mix", pool="train", libraries=("opencv-python-headless", "numpy", "scipy"))


def partners(params: Params, seeds: I64, bases: I64, labels: Sequence[str]) -> I64:
    """One other row of any class per child."""
    return _mixing.partners(seeds, bases, len(labels))


def build(params: Params) -> None:
    """Nothing to build."""


def draw(tool: None, params: Params, pictures: Sequence[Picture], seed: int) -> Drawn:
    """The base's share."""
    import cv2

    levels = float(cv2.norm(pictures[0].image, _mixing.resized_to_base(pictures[1], pictures[0]), cv2.NORM_INF))
    # Of two pictures that are equal no share shows, and of two that differ by one level none lies between.
    return {"weight": _mixing.base_share(seed, params.alpha, max(0.5, 1.0 - 1.0 / levels) if levels else 1.0)}


def apply(tool: None, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The weighted sum of two pictures, rounded."""
    import cv2

    base, share = pictures[0], draws["weight"]
    partner = _mixing.resized_to_base(pictures[1], base)
    return Picture(cv2.addWeighted(base.image, share, partner, 1.0 - share, 0.0))
