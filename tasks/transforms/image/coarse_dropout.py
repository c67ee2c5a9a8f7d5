"""Cover some rectangles (cutout, DeVries and Taylor 2017), so that a model cannot rely on one part.

Hurts when a hole can cover the whole object. Mask and boxes stay as they are: what is covered is still there.
Black holes on a black ground change nothing; use `random` colours there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, IntRange, Within
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind


class Params(Parameters):
    """Sides of the holes are shares of height and width, at least one pixel."""

    hole_count_range: Annotated[IntRange, Within(1, 64)] = (1, 3)
    hole_height_share_range: Annotated[FloatRange, Within(0.01, 1)] = (0.1, 0.25)
    hole_width_share_range: Annotated[FloatRange, Within(0.01, 1)] = (0.1, 0.25)
    fill: Literal["black", "random"] = "black"


ACCEPTS = Accepts(channels=frozenset({1, 3, 4}), dtypes=frozenset({"uint8", "uint16"}))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    largest = params.hole_count_range[1] * params.hole_height_share_range[1] * params.hole_width_share_range[1]
    return {"extreme": f"may cover {min(largest, 1.0):.0%} of the picture"} if largest > 0.5 else {}


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("CoarseDropout", fill=0 if params.fill == "black" else "random_uniform")


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """How many holes; size and place of each come from the seed."""
    return library.draw(seed, hole_count=params.hole_count_range)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The picture with holes."""
    height, width = pictures[0].image.shape[:2]
    pins = {
        "num_holes_range": library.pin(draws["hole_count"]),
        "hole_height_range": _pixels(params.hole_height_share_range, height),
        "hole_width_range": _pixels(params.hole_width_share_range, width),
    }
    return library.recolour(tool, pictures[0], draws, **pins)


def _pixels(shares: tuple[float, float], side: int) -> tuple[int, int]:
    # Given as shares, the library rounds small holes to nothing.
    return max(1, round(shares[0] * side)), max(1, round(shares[1] * side))
