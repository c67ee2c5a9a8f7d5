"""Make the picture brighter or darker, and its contrast stronger or weaker; colours keep their hue.

Hurts when bright parts burn out or dark parts drown: shifts beyond 0.4 of the full range destroy detail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, Within, widest
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Nothing, Parameters, RiskKind


class Params(Parameters):
    """The shift is a share of the full range (255 or 65535); contrast is a factor, 1 changes nothing."""

    brightness_shift_range: Annotated[FloatRange, Within(-1, 1)] = (-0.2, 0.2)
    contrast_factor_range: Annotated[FloatRange, Within(0, 3), Nothing(1.0)] = (0.8, 1.2)


ACCEPTS = Accepts(dtypes=frozenset({"uint8", "uint16"}))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    shift, (low, high) = widest(params.brightness_shift_range), params.contrast_factor_range
    if shift <= 0.4 and low >= 0.4 and high <= 2.0:
        return {}
    return {"extreme": f"shifts brightness by up to {shift:.0%} and scales contrast by {low:g} to {high:g}"}


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("RandomBrightnessContrast")


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """The shift and the factor."""
    return library.draw(
        seed, brightness_shift=params.brightness_shift_range, contrast_factor=params.contrast_factor_range
    )


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The picture in another light."""
    pins = {
        "brightness_limit": library.pin(draws["brightness_shift"]),
        "contrast_limit": library.pin(draws["contrast_factor"] - 1.0),
    }
    return library.recolour(tool, pictures[0], draws, **pins)
