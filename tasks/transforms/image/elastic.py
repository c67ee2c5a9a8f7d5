"""Bend the picture smoothly, as ink on wet paper (Simard, Steinkraus and Platt 2003).

Hurts when the displacement nears the width of a stroke or of the parts that carry the label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, Within
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind


class Params(Parameters):
    """Shares of the shorter side: how far a pixel moves at most, and how wide the bends are (sigma)."""

    displacement_share_range: Annotated[FloatRange, Within(0, 0.25)] = (0.01, 0.04)
    smoothness_share: Annotated[float, Field(ge=0.01, le=0.5)] = 0.08
    border: Literal["black", "edge", "mirror"] = "black"


ACCEPTS = Accepts(channels=frozenset({1, 3, 4}), dtypes=frozenset({"uint8", "uint16"}))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    farthest = params.displacement_share_range[1]
    return {"extreme": f"moves pixels by up to {farthest:.0%} of a side"} if farthest > 0.1 else {}


def build(params: Params) -> Any:
    """The library's transform, whose `alpha` is 1 because the field is scaled afterwards."""
    return library.build("ElasticTransform", alpha=1.0, border_mode=library.border(params.border))


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """How far pixels move; the field itself comes from the seed."""
    return library.draw(seed, displacement_share=params.displacement_share_range)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The bent picture."""
    picture = pictures[0]
    height, width = picture.image.shape[:2]
    side = min(height, width)
    fields = library.parameters(tool, picture, draws["_seed"], {"sigma": params.smoothness_share * side})
    still = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = np.stack([fields["map_x"] - still[0], fields["map_y"] - still[1]])
    # The library's alpha is not a distance: blurring shrinks the field by a factor that depends on sigma.
    moved *= draws["displacement_share"] * side / max(float(np.abs(moved).max()), 1e-9)
    return library.apply_to_targets(
        tool, picture, fields | {"map_x": still[0] + moved[0], "map_y": still[1] + moved[1]}
    )
