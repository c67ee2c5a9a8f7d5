"""Save as JPEG of a random quality and read again: blocks and blurred colour edges.

Hurts pictures that will be judged by fine texture, and those that were compressed hard already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import IntRange, Within
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Nothing, Parameters, RiskKind


class Params(Parameters):
    """JPEG quality as OpenCV counts it: 100 is best."""

    quality_range: Annotated[IntRange, Within(1, 100), Nothing(100)] = (40, 90)


ACCEPTS = Accepts()
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    worst = params.quality_range[0]
    reasons: dict[RiskKind, str] = {"noise": f"compresses down to quality {worst}"}
    if worst < 20:
        reasons["extreme"] = f"at quality {worst} blocks of 8 x 8 pixels turn into one colour"
    return reasons


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("ImageCompression", compression_type="jpeg")


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """The quality."""
    return library.draw(seed, quality=params.quality_range)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The picture after compression."""
    return library.recolour(tool, pictures[0], draws, quality_range=library.pin(draws["quality"]))
