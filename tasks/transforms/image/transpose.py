"""Swap rows and columns: a mirror along the diagonal, so width and height change places.

Hurts where flips do, and where a model wants one fixed, oblong size.
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
    return {"orientation": "mirrors along the diagonal"}


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("Transpose")


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """Nothing is random."""
    return library.draw(seed)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The transposed picture."""
    return library.move(tool, pictures[0], draws)
