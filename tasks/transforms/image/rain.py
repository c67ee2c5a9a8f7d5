"""Draw streaks of rain and darken the picture a little.

Hurts pictures that were not taken outdoors, and small objects that streaks hide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, Within
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind


class Params(Parameters):
    """The slant is how many pixels a streak moves sideways while it falls."""

    slant_px_range: Annotated[FloatRange, Within(-20, 20)] = (-10.0, 10.0)
    kind: Literal["drizzle", "default", "heavy", "torrential"] = "default"


# One drop per four rows at the least: below that nothing falls.
ACCEPTS = Accepts(channels=frozenset({3}), min_size=(4, 4))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    reasons: dict[RiskKind, str] = {"noise": f"draws {params.kind} rain"}
    if params.kind == "torrential":
        reasons["extreme"] = "torrential rain hides small objects"
    return reasons


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("RandomRain", rain_type=params.kind)


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """The slant; where drops fall comes from the seed."""
    return library.draw(seed, slant_px=params.slant_px_range)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The picture in rain."""
    return library.recolour(tool, pictures[0], draws, slant_range=library.pin(draws["slant_px"]))
