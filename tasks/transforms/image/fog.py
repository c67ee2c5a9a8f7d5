"""Veil the picture in fog, thickest in the middle.

Hurts pictures that were not taken outdoors, and low-contrast ones. Slow: many passes over the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, Within
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind


class Params(Parameters):
    """Fog is many overlapping round particles; their opacity says how thick it is."""

    particle_opacity_range: Annotated[FloatRange, Within(0.01, 0.5)] = (0.04, 0.12)


ACCEPTS = Accepts(channels=frozenset({3}))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    thickest = params.particle_opacity_range[1]
    reasons: dict[RiskKind, str] = {"noise": f"veils with particles of opacity up to {thickest:g}"}
    if thickest > 0.25:
        reasons["extreme"] = f"particles of opacity {thickest:g} hide the middle of the picture"
    return reasons


def build(params: Params) -> Any:
    """The library's transform."""
    # Less than 1 makes particles smaller and so many more of them that fog gets thicker, and seconds slow.
    return library.build("RandomFog", fog_coef_range=(1.0, 1.0))


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """The opacity; where particles lie comes from the seed."""
    return library.draw(seed, particle_opacity=params.particle_opacity_range)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The picture in fog."""
    return library.recolour(tool, pictures[0], draws, alpha_coef=draws["particle_opacity"])
