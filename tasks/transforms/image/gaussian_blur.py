"""Blur evenly, as a lens out of focus does.

Hurts where fine texture or thin strokes carry the label, and small pictures most: sigma is in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.image._params import FloatRange, Within
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind


class Params(Parameters):
    """Sigma of the kernel, in pixels."""

    sigma_px_range: Annotated[FloatRange, Within(0.1, 20)] = (0.5, 1.5)


ACCEPTS = Accepts(dtypes=frozenset({"uint8", "uint16"}))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)


def risks(params: Params) -> dict[RiskKind, str]:
    """What may change the label, or is beyond good sense."""
    widest_sigma = params.sigma_px_range[1]
    reasons: dict[RiskKind, str] = {"noise": f"blurs with sigma up to {widest_sigma:g} pixels"}
    if widest_sigma > 5.0:
        reasons["extreme"] = f"a blur of {widest_sigma:g} pixels leaves shapes only"
    return reasons


def build(params: Params) -> Any:
    """The library's transform."""
    return library.build("GaussianBlur", blur_limit=0)


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """Sigma in pixels."""
    return library.draw(seed, sigma_px=params.sigma_px_range)


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The blurred picture."""
    return library.recolour(tool, pictures[0], draws, sigma_limit=library.pin(draws["sigma_px"]))
