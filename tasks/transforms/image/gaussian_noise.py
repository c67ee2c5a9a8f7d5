"""Add independent normal noise to every pixel and channel, as a poor sensor does.

Hurts pictures that are noisy already (radar, low light, small scans) and fine textures; it also makes PNG files
several times larger. The noise field is drawn again from the seed on rebuild.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, Within
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind


class Params(Parameters):
    """The standard deviation is a share of the full range (255 or 65535)."""

    std_share_range: Annotated[FloatRange, Within(0, 1)] = (0.02, 0.08)


ACCEPTS = Accepts()
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    strongest = params.std_share_range[1]
    reasons: dict[RiskKind, str] = {"noise": f"adds noise of up to {strongest:.0%} of the full range"}
    if strongest > 0.2:
        reasons["extreme"] = f"noise of {strongest:.0%} of the full range hides what the picture shows"
    return reasons


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("GaussNoise")


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """The noise's standard deviation."""
    return library.draw(seed, std_share=params.std_share_range)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The noisy picture."""
    return library.recolour(tool, pictures[0], draws, std_range=library.pin(draws["std_share"]))
