"""Even out the light: contrast-limited adaptive histogram equalisation (Zuiderveld 1994).

Hurts flat pictures, whose noise it turns into texture, and labels that depend on brightness. The limit is shared by
the pixels of a tile: below some 100 pixels a side give fewer tiles, or all limits are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, Within
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind


class Params(Parameters):
    """Higher clip limits give more contrast; `tiles` per side."""

    clip_limit_range: Annotated[FloatRange, Within(1, 40)] = (1.0, 4.0)
    tiles: Annotated[int, Field(ge=1, le=64)] = 8


ACCEPTS = Accepts()
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    strongest = params.clip_limit_range[1]
    return {"extreme": f"a clip limit of {strongest:g} turns noise into texture"} if strongest > 10.0 else {}


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("CLAHE", tile_grid_size=(params.tiles, params.tiles))


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """The clip limit."""
    return library.draw(seed, clip_limit=params.clip_limit_range)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The picture with even light."""
    return library.recolour(tool, pictures[0], draws, clip_limit=library.pin(draws["clip_limit"]))
