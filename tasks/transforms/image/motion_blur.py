"""Blur along a line, as a moving camera or object does.

Hurts where thin strokes or texture carry the label, and small pictures most: the length is in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, IntRange, Within
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Nothing, Parameters, RiskKind


class Params(Parameters):
    """The length of the line in pixels (an even draw is made odd by one more) and its direction."""

    length_px_range: Annotated[IntRange, Within(3, 99)] = (3, 7)
    angle_degrees_range: Annotated[FloatRange, Within(0, 360), Nothing(None)] = (0.0, 360.0)


ACCEPTS = Accepts(dtypes=frozenset({"uint8", "uint16"}))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    longest = params.length_px_range[1]
    reasons: dict[RiskKind, str] = {"noise": f"blurs along up to {longest} pixels"}
    if longest > 25:
        reasons["extreme"] = f"a blur along {longest} pixels leaves streaks only"
    return reasons


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("MotionBlur", direction_range=(0.0, 0.0), allow_shifted=False)


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """Length and direction of the line."""
    return library.draw(seed, length_px=params.length_px_range, angle_degrees=params.angle_degrees_range)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The blurred picture."""
    length = draws["length_px"] | 1  # kernels have a middle pixel, so their length is odd
    pins = {"blur_limit": library.pin(length), "angle_range": library.pin(draws["angle_degrees"])}
    return library.recolour(tool, pictures[0], draws, **pins)
