"""Mirror left and right.

Hurts where sides matter: digits, text, left and right hands, traffic signs.
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
    return {"orientation": "mirrors left and right"}


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("HorizontalFlip")


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """Nothing is random."""
    return library.draw(seed)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The mirrored picture."""
    return library.move(tool, pictures[0], draws)
