"""Cut out a random part and resize it: to the picture's own size unless another is given.

Hurts when the cut misses the object: keep the least share high for small or off-centre objects. Boxes of which
less than a tenth is left are dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, Within
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Nothing, Parameters, RiskKind

Side = Annotated[int, Field(ge=1, le=8192)]


class Params(Parameters):
    """Area is a share of the picture; the aspect ratio is width by height."""

    area_share_range: Annotated[FloatRange, Within(0.01, 1), Nothing(1.0)] = (0.5, 1.0)
    aspect_ratio_range: Annotated[FloatRange, Within(0.1, 10), Nothing(1.0)] = (0.75, 1.3333)
    height_px: Side | None = None
    width_px: Side | None = None


ACCEPTS = Accepts(channels=frozenset({1, 3, 4}), dtypes=frozenset({"uint8", "uint16"}))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)
CORNERS = ("x_min", "y_min", "x_max", "y_max")


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    least = params.area_share_range[0]
    return {"extreme": f"keeps as little as {least:.0%} of the picture"} if least < 0.2 else {}


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build(
        "RandomResizedCrop", size=(1, 1), scale=params.area_share_range, ratio=params.aspect_ratio_range
    )


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """The corners of the cut, in pixels."""
    corners = library.parameters(tool, picture, seed, {})["crop_coords"]
    return library.draw(seed) | dict(zip(CORNERS, map(int, corners), strict=True))


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The cut, resized."""
    picture = pictures[0]
    height, width = picture.image.shape[:2]
    tool.size = (params.height_px or height, params.width_px or width)
    corners = tuple(draws[name] for name in CORNERS)
    return library.apply_to_targets(tool, picture, {"shape": picture.image.shape, "crop_coords": corners})
