"""Look at the picture from a slightly different angle: its four corners are drawn inwards at random.

Hurts above a corner shift of some 20 %, where shapes fold and thin parts vanish. Keeps the size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, Within, widest
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind


class Params(Parameters):
    """The corners' shift is normally distributed; the range bounds its standard deviation, as a share of the sides."""

    corner_shift_share_range: Annotated[FloatRange, Within(0, 0.4)] = (0.02, 0.08)
    border: Literal["black", "edge", "mirror"] = "black"


ACCEPTS = Accepts(channels=frozenset({1, 3, 4}), dtypes=frozenset({"uint8", "uint16"}))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    widest_shift = widest(params.corner_shift_share_range)
    return {"extreme": f"shifts corners by {widest_shift:.0%} of a side"} if widest_shift > 0.2 else {}


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("Perspective", border_mode=library.border(params.border))


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """How far corners move; where each goes comes from the seed."""
    return library.draw(seed, corner_shift_share=params.corner_shift_share_range)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The picture seen from elsewhere."""
    return library.move(tool, pictures[0], draws, scale=library.pin(draws["corner_shift_share"]))
