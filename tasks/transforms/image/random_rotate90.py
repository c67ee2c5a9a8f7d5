"""Turn by one, two or three quarter turns, without loss: no pixel is interpolated.

Hurts where up and down matter; safe for views from above and through a microscope. No turn is never drawn, as
it would publish a copy of a real row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind


class Params(Parameters):
    """Nothing to choose."""


ACCEPTS = Accepts(channels=frozenset({1, 3, 4}), dtypes=frozenset({"uint8", "uint16"}))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    return {"orientation": "turns by 90, 180 or 270 degrees"}


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("RandomRotate90")


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """How many quarter turns, counter-clockwise."""
    return library.draw(seed, quarter_turns=(1, 3))


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The turned picture."""
    turned = {"factor": draws["quarter_turns"], "shape": pictures[0].image.shape}
    return library.apply_to_targets(tool, pictures[0], turned)
