"""Paste a rectangle of another picture; labels mix by the area each one shows (CutMix, Yun et al. 2019).

Hurts when the rectangle covers the object or brings only background, and needs a loss that takes soft labels. The
base keeps at least half of the area, so that its label stays the hard one, and the rectangle lies where the two
pictures differ: elsewhere the child is the base itself, with another label. Masks and boxes are refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from augmill.tasks.rows.randomness import generator
from augmill.tasks.transforms.image import _mixing
from augmill.tasks.transforms.image._mixing import I64
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters


class Params(Parameters):
    """The base's area is drawn from Beta(alpha, alpha); 1 makes all areas equally likely."""

    alpha: Annotated[float, Field(ge=0.01, le=10)] = 1.0


ACCEPTS = Accepts(
    channels=frozenset({1, 3, 4}),
    dtypes=frozenset({"uint8", "uint16"}),
    min_size=(2, 2),
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
    """The rectangle in pixels, and the share of the area that stays the base's."""
    base, partner = pictures[0].image, _mixing.resized_to_base(pictures[1], pictures[0])
    height, width = base.shape[:2]
    side = math.sqrt(1.0 - _mixing.base_share(seed, params.alpha))
    # Rounding down keeps the pasted area at half or less; at least one pixel is pasted.
    high, wide = max(1, int(height * side)), max(1, int(width * side))
    places = _places(base != partner, high, wide)
    y, x = divmod(int(places[generator(seed, "place").integers(len(places))]), width - wide + 1)
    share = 1.0 - high * wide / (height * width)
    return {"weight": share, "x_min": x, "y_min": y, "x_max": x + wide, "y_max": y + high}


def apply(tool: None, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The base with the partner's rectangle, taken from the same place."""
    image = pictures[0].image.copy()
    cut = slice(draws["y_min"], draws["y_max"]), slice(draws["x_min"], draws["x_max"])
    image[cut] = _mixing.resized_to_base(pictures[1], pictures[0])[cut]
    return replace(pictures[0], image=image)


def _places(differs: NDArray[np.bool_], high: int, wide: int) -> I64:
    """Where the rectangle may lie, row by row: over some of the pixels that differ, where it can be not over all."""
    pixels = differs.reshape(*differs.shape[:2], -1).any(axis=2)
    above = np.pad(pixels.astype(np.int64), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    inside = above[high:, wide:] - above[:-high, wide:] - above[high:, :-wide] + above[:-high, :-wide]
    preferences = (inside > 0) & (inside < above[-1, -1]), inside > 0, inside == 0
    return np.flatnonzero(next(places for places in preferences if places.any()))
