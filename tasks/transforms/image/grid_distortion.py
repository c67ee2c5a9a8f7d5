"""Stretch and squeeze the cells of a grid, as an uneven scan does.

Hurts where straight lines or proportions carry the label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from augmill.policies.errors import PolicyError
from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, Within
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind


class Params(Parameters):
    """`cells` per side; each cell's side changes by up to the drawn share."""

    cells: Annotated[int, Field(ge=2, le=20)] = 5
    distortion_share_range: Annotated[FloatRange, Within(0, 0.9)] = (0.1, 0.3)
    border: Literal["black", "edge", "mirror"] = "black"


ACCEPTS = Accepts(channels=frozenset({1, 3, 4}), dtypes=frozenset({"uint8", "uint16"}), min_size=(2, 2))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    strongest = params.distortion_share_range[1]
    return {"extreme": f"stretches cells by up to {strongest:.0%}"} if strongest > 0.5 else {}


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("GridDistortion", num_steps=params.cells, border_mode=library.border(params.border))


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """The largest change; each cell's own comes from the seed."""
    return library.draw(seed, distortion_share=params.distortion_share_range)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The distorted picture."""
    height, width = pictures[0].image.shape[:2]
    if min(height, width) < params.cells:
        # The library would divide by zero.
        raise PolicyError(
            f"a picture of {width} x {height} pixels has no room for the {params.cells} cells of image.grid_distortion",
            f"Set cells to {min(height, width)} or less.",
        )
    share = draws["distortion_share"]
    return library.move(tool, pictures[0], draws, distort_limit=(-share, share))
