"""Veil the picture in fog, thickest in the middle.

Hurts pictures that were not taken outdoors, and low-contrast ones. Slow: many passes over the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from tasks.transforms.contract import Accepts, Behaviour, Parameters, RiskKind
from tasks.transforms.image import _albumentations as library
from tasks.transforms.image._params import FloatRange, Within
from tasks.transforms.picture import Drawn, Picture


class Params(Parameters):
    """Intensity 1 is the thickest fog."""

    intensity_range: Annotated[FloatRange, Within(0.05, 1)] = (0.2, 0.5)


ACCEPTS = Accepts(channels=frozenset({3}))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    thickest = params.intensity_range[1]
    found: dict[RiskKind, str] = {"noise": f"veils with intensity up to {thickest:g}"}
    if thickest > 0.8:
        found["extreme"] = f"fog of intensity {thickest:g} hides the middle of the picture"
    return found


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("RandomFog")


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """The intensity; where fog lies comes from the seed."""
    return library.draw(seed, intensity=params.intensity_range)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], drawn: Drawn) -> Picture:
    """The picture in fog."""
    return library.recolour(tool, pictures[0], drawn, fog_coef_range=library.pin(drawn["intensity"]))
