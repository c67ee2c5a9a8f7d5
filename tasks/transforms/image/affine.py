"""Scale, shift, turn and shear at once, keeping the size; what the picture does not cover is filled.

Hurts when the object leaves the picture (large shifts or scales) and where orientation carries the label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, Within, widest
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Nothing, Parameters, RiskKind


class Params(Parameters):
    """Scale is a factor for both axes; shifts are shares of width and height."""

    scale_range: Annotated[FloatRange, Within(0.1, 5), Nothing(1.0)] = (0.9, 1.1)
    shift_share_range: Annotated[FloatRange, Within(-0.9, 0.9)] = (-0.1, 0.1)
    angle_degrees_range: Annotated[FloatRange, Within(-180, 180)] = (-10.0, 10.0)
    shear_degrees_range: Annotated[FloatRange, Within(-60, 60)] = (-5.0, 5.0)
    border: Literal["black", "edge", "mirror"] = "black"


ACCEPTS = Accepts(channels=frozenset({1, 3, 4}), dtypes=frozenset({"uint8", "uint16"}))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    reasons: dict[RiskKind, str] = {}
    turn, shift = widest(params.angle_degrees_range), widest(params.shift_share_range)
    if turn > 30.0:
        reasons["orientation"] = f"turns by up to {turn:g} degrees"
    if shift > 0.3 or params.scale_range[0] < 0.5 or params.scale_range[1] > 2.0:
        reasons["extreme"] = (
            f"shifts by up to {shift:.0%} and scales by {list(params.scale_range)}: objects may leave the picture"
        )
    return reasons


def build(params: Params) -> Any:
    """The library's transform."""
    # Without a share given, the library would count shifts in pixels, of which it has none.
    return library.build("Affine", translate_percent=0.0, border_mode=library.border(params.border))


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """One value for each of scale, shifts, angle and shears."""
    return library.draw(
        seed,
        scale=params.scale_range,
        shift_x_share=params.shift_share_range,
        shift_y_share=params.shift_share_range,
        angle_degrees=params.angle_degrees_range,
        shear_x_degrees=params.shear_degrees_range,
        shear_y_degrees=params.shear_degrees_range,
    )


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The warped picture."""
    pins = {
        "scale": dict.fromkeys("xy", library.pin(draws["scale"])),
        "translate_percent": {axis: library.pin(draws[f"shift_{axis}_share"]) for axis in "xy"},
        "rotate": library.pin(draws["angle_degrees"]),
        "shear": {axis: library.pin(draws[f"shear_{axis}_degrees"]) for axis in "xy"},
    }
    return library.warp(tool, pictures[0], draws, **pins)
