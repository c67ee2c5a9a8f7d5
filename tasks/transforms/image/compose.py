"""Any other transform of albumentations, by its name there and with its own arguments.

Hurts as that transform does: nothing is known about it here but what its trial run on a made picture shows. How
often it is applied is the policy's `probability`; several in a row are several entries of the chain.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

from augmill.policies.errors import PolicyError
from augmill.tasks.transforms.image import _albumentations as library
from augmill.tasks.transforms.picture import Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind


def _own_probability(arguments: dict[str, Any]) -> dict[str, Any]:
    if {"p", "strict"} & set(arguments):
        raise ValueError("leave out p and strict: the policy's own `probability` says how often, and all is strict")
    return arguments


class Params(Parameters):
    """The class name in albumentations 2.0.8, and its arguments."""

    name: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$")]
    arguments: Annotated[dict[str, Any], AfterValidator(_own_probability)] = Field(default_factory=dict)


ACCEPTS = Accepts(channels=frozenset({1, 3, 4}), dtypes=frozenset({"uint8", "uint16"}))
BEHAVIOUR = Behaviour(libraries=library.LIBRARIES)

_DTYPE = "it changes the type of the pixels, which belongs into the training job"
_OTHERS = "it needs other pictures or metadata, which a policy cannot give it"
_TARGETS = "it looks at masks or boxes to draw, which is not done here"
_MASKING = "it is XYMasking under an older name, use that"
REFUSED = {
    **dict.fromkeys(("Normalize", "ToFloat", "FromFloat", "ToRGB"), _DTYPE),
    **dict.fromkeys(("FDA", "HistogramMatching", "PixelDistributionAdaptation"), _OTHERS),
    **dict.fromkeys(("Mosaic", "OverlayElements", "TextImage", "RandomCropNearBBox"), _OTHERS),
    **dict.fromkeys(("AtLeastOneBBoxRandomCrop", "BBoxSafeRandomCrop", "RandomSizedBBoxSafeCrop"), _TARGETS),
    **dict.fromkeys(("ConstrainedCoarseDropout", "CropNonEmptyMaskIfExists", "MaskDropout"), _TARGETS),
    **dict.fromkeys(("FrequencyMasking", "TimeMasking"), _MASKING),
    "Lambda": "it is code, which a policy does not hold: write a transform file instead",
    "NoOp": "it does nothing, so its children would be copies of real rows",
    "PiecewiseAffine": "it is ten times slower than image.elastic, use that",
    "ShiftScaleRotate": "it is image.affine under an older name, use that",
    "TimeReverse": "it is image.horizontal_flip under another name, use that",
}


def risks(params: Params) -> dict[RiskKind, str]:
    """Judged by the name's family only."""
    turns = ("Flip", "Rotate", "Transpose", "D4", "Symmetry")
    return {"orientation": f"{params.name} may turn or mirror"} if any(t in params.name for t in turns) else {}


def build(params: Params) -> Any:
    """The library's transform. Raises PolicyError for names it does not have and ones that cannot work here."""
    import albumentations

    names = [name for name, kind in vars(albumentations).items() if _is_flat(kind)]
    if params.name not in names:
        near = difflib.get_close_matches(params.name, [name for name in names if name not in REFUSED], 3)
        cause = f"albumentations 2.0.8 has no picture transform called {params.name}"
        raise PolicyError(cause, f"Did you mean {', '.join(near)}?" if near else "See its list of transforms.")
    if params.name in REFUSED:
        cause = f"albumentations.{params.name} cannot be used: {REFUSED[params.name]}"
        raise PolicyError(cause, "Choose another transform.")
    return library.build(params.name, **params.arguments)


def _is_flat(kind: Any) -> bool:
    import albumentations as lib

    flat = (lib.DualTransform, lib.ImageOnlyTransform)
    return (
        isinstance(kind, type) and issubclass(kind, flat) and kind not in flat and not issubclass(kind, lib.Transform3D)
    )


def draw(tool: Any, params: Params, picture: Picture, seed: int) -> Drawn:
    """All that the library draws; single values are recorded, arrays are not."""
    draws = library.parameters(tool, picture, seed, {})
    single = {key: value for key, value in draws.items() if isinstance(value, (bool, int, float, str, np.number))}
    settings = ("interpolation", "fill", "fill_mask", "seed")
    return {"_params": draws, **{key: value for key, value in single.items() if key not in settings}}


def apply(tool: Any, params: Params, pictures: Sequence[Picture], draws: Drawn) -> Picture:
    """The changed picture; mask and boxes follow where the library moves them, holes leave them as they are."""
    picture = pictures[0]
    values = draws["_params"] | {key: value for key, value in draws.items() if not key.startswith("_")}
    if "bboxes" not in tool.targets or "holes" in values:
        return library.apply_to_pixels(tool, picture, values)
    return library.apply_to_targets(tool, picture, values)
