"""Take the colour away; the picture keeps its three channels. How often is the policy's `probability`.

Hurts where colour is the diagnosis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind


class Params(Parameters):
    """Nothing to choose."""


# A single row or column comes back without its channels.
ACCEPTS = Accepts(channels=frozenset({3}), dtypes=frozenset({"uint8", "uint16"}), min_size=(2, 2))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    return {"colour": "takes all colour away"}


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("ToGray", num_output_channels=3)


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """Nothing is random."""
    return library.draw(seed)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The picture in grey, by the weights of ITU-R BT.601."""
    return library.recolour(tool, pictures[0], draws)
