"""Turn about the centre by a random angle, keeping the size; corners are cut off or filled.

Hurts above some 30 degrees where orientation carries the label, and for objects at the edge. Boxes become the hull
of the turned box, so they grow with the angle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, Within, widest
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind


class Params(Parameters):
    """`angle_degrees_range` counter-clockwise; `border` fills what the picture does not cover."""

    angle_degrees_range: Annotated[FloatRange, Within(-180, 180)] = (-15.0, 15.0)
    border: Literal["black", "edge", "mirror"] = "black"


ACCEPTS = Accepts(channels=frozenset({1, 3, 4}), dtypes=frozenset({"uint8", "uint16"}))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    widest_turn = widest(params.angle_degrees_range)
    # A 6 turned by more than some 30 degrees is read as something else by people, too.
    return {"orientation": f"turns by up to {widest_turn:g} degrees"} if widest_turn > 30.0 else {}


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("Rotate", border_mode=library.border(params.border))


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """The angle in degrees, counter-clockwise."""
    return library.draw(seed, angle_degrees=params.angle_degrees_range)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The turned picture."""
    return library.warp(tool, pictures[0], draws, limit=library.pin(draws["angle_degrees"]))
