"""Change brightness, contrast, saturation and hue by random amounts, in random order.

Hurts where colour is the diagnosis (stained tissue, ripeness, traffic lights); keep the hue range narrow. On
grey pictures saturation and hue do nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Any

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, Within, widest
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Nothing, Parameters, RiskKind


class Params(Parameters):
    """Factors multiply (1 changes nothing); hue is turned by degrees on the colour circle."""

    brightness_factor_range: Annotated[FloatRange, Within(0, 3), Nothing(1.0)] = (0.8, 1.2)
    contrast_factor_range: Annotated[FloatRange, Within(0, 3), Nothing(1.0)] = (0.8, 1.2)
    saturation_factor_range: Annotated[FloatRange, Within(0, 3), Nothing(1.0)] = (0.8, 1.2)
    hue_degrees_range: Annotated[FloatRange, Within(-180, 180)] = (-10.0, 10.0)


ACCEPTS = Accepts()
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)
# 0 brightness, 1 contrast, 2 saturation, 3 hue, as the library numbers them.
ORDERS = tuple(itertools.permutations(range(4)))


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    reasons: dict[RiskKind, str] = {}
    if widest(params.hue_degrees_range) > 0.0 or params.saturation_factor_range != (1.0, 1.0):
        reasons["colour"] = f"turns hue by up to {widest(params.hue_degrees_range):g} degrees and changes saturation"
    low = min(params.brightness_factor_range[0], params.contrast_factor_range[0])
    high = max(params.brightness_factor_range[1], params.contrast_factor_range[1])
    if low < 0.4 or high > 2.0:
        reasons["extreme"] = (
            f"scales brightness or contrast by {low:g} to {high:g}: pictures may end up flat or burnt out"
        )
    return reasons


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("ColorJitter")


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """Four amounts, and the number of the order in which they are applied."""
    return library.draw(
        seed,
        brightness_factor=params.brightness_factor_range,
        contrast_factor=params.contrast_factor_range,
        saturation_factor=params.saturation_factor_range,
        hue_degrees=params.hue_degrees_range,
        order=(0, len(ORDERS) - 1),
    )


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The picture in other colours."""
    values = {name: draws[f"{name}_factor"] for name in ("brightness", "contrast", "saturation")}
    values |= {"hue": draws["hue_degrees"] / 360.0, "order": ORDERS[draws["order"]]}
    return library.apply_to_pixels(tool, pictures[0], values)
