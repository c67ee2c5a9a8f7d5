"""Whether a chain of image transforms can take the data, and who may be a base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from augmill.policies.errors import DataError, PolicyError
from augmill.tasks.modalities.modality_contract import Arrays, Op, PoolIndex
from augmill.tasks.transforms.picture import Box, Drawn, Picture
from augmill.tasks.transforms.transform_contract import Accepts


def refusals(op: Op, description: Mapping[str, Any]) -> list[str]:
    """Why `op` cannot take pictures as described: first what it declares, then a trial on made pictures."""
    accepts: Accepts = op.module.ACCEPTS
    sentences = [_kind_refusal(op.use, accepts, kind) for kind in description["kinds"]]
    sentences.append(_size_refusal(op.use, accepts, description))
    sentences.extend(_target_refusal(op.use, accepts, description, target) for target in ("mask", "boxes"))
    if not accepts.unlabelled and not description["labelled"]:
        sentences.append(f"{op.use} mixes labels and the policy names no label. Name one, or take the transform out.")
    if op.module.BEHAVIOUR.label == "mix" and len(description["kinds"]) > 1:
        sentences.append(f"{op.use} mixes pictures of one kind (channels and dtype) only. Convert them to one kind.")
    reasons = [sentence for sentence in sentences if sentence]
    return reasons or _trial(op, description)


def _kind_refusal(use: str, accepts: Accepts, kind: Sequence[Any]) -> str | None:
    channels, dtype, count = kind
    if channels in accepts.channels and dtype in accepts.dtypes:
        return None
    takes = f"{'/'.join(map(str, sorted(accepts.channels)))} channels of {'/'.join(sorted(accepts.dtypes))}"
    have = f"{count:,} training picture{'s have' if count != 1 else ' has'} {_kind(channels, dtype)}"
    return f"{use} takes {takes}; {have}. Convert them, or take the transform out."


def _kind(channels: int, dtype: str) -> str:
    return f"{channels} channel{'s' * (channels != 1)} of {dtype}"


def _size_refusal(use: str, accepts: Accepts, description: Mapping[str, Any]) -> str | None:
    height, width = description["height"][0], description["width"][0]
    if height >= accepts.min_size[0] and width >= accepts.min_size[1]:
        return None
    least = f"{accepts.min_size[0]} x {accepts.min_size[1]}"
    return (
        f"{use} takes pictures of at least {least} pixels (height x width); the smallest sides here are "
        f"{height} and {width}. Enlarge or quarantine small pictures, or take the transform out."
    )


def _target_refusal(use: str, accepts: Accepts, description: Mapping[str, Any], target: str) -> str | None:
    if not description[target] or target in accepts.targets:
        return None
    return f"{use} is not defined for {target}, which this dataset has. Take the transform out."


def _trial(op: Op, description: Mapping[str, Any]) -> list[str]:
    """Run the transform once per kind of picture, at the smallest size: libraries know more than declarations."""
    sentences = []
    for channels, dtype, _ in description["kinds"]:
        try:
            picture = _trial_picture(channels, dtype, description)
            tool = op.module.build(op.params)
            draws = draw(op, tool, [picture, picture], 1)
            after = op.module.apply(tool, op.params, [picture, picture], draws)
        except PolicyError as error:
            sentences.append(f"{error.cause}. {error.remedy}")
            continue
        except library_errors() as error:
            error_lines = str(error).strip().splitlines()
            reason = error_lines[0] if error_lines else type(error).__name__
            sentences.append(
                f"{op.use} fails on {_kind(channels, dtype)}: {reason}. Correct its params, or take the transform out."
            )
            continue
        if after.image.dtype != picture.image.dtype or after.channels != picture.channels:
            sentences.append(
                f"{op.use} turns {_kind(channels, dtype)} into {after.channels} of {after.image.dtype}. "
                "Children must be of their parents' kind: take the transform out."
            )
    return list(dict.fromkeys(sentences))


def draw(op: Op, tool: Any, pictures: Sequence[Picture], seed: int) -> Drawn:
    """What one op draws for one child: a mixing one looks at all its pictures, any other at the first."""
    mixes = op.module.BEHAVIOUR.label == "mix"
    draws: Drawn = op.module.draw(tool, op.params, pictures if mixes else pictures[0], seed)
    return draws


def library_errors() -> tuple[type[Exception], ...]:
    """What albumentations and OpenCV raise on data or arguments they cannot take."""
    import cv2
    from albumentations.augmentations.crops.transforms import CropSizeError

    return ValueError, TypeError, ArithmeticError, LookupError, RuntimeError, cv2.error, CropSizeError


def _trial_picture(channels: int, dtype: str, description: Mapping[str, Any]) -> Picture:
    height, width = (max(1, description[side][0]) for side in ("height", "width"))
    shape = (height, width) if channels == 1 else (height, width, channels)
    # Any fixed numbers do; a gradient has all values and no chance in it.
    image = np.linspace(0, np.iinfo(dtype).max, num=int(np.prod(shape))).astype(dtype).reshape(shape)
    mask = np.ones((height, width), dtype=np.uint8) if description["mask"] else None
    boxes = (Box(0.0, 0.0, float(width), float(height), "trial"),) if description["boxes"] else None
    return Picture(image, mask, boxes)


def fit(ops: Sequence[Op], pool: PoolIndex) -> Arrays:
    """Rows of the target's class are bases, equally often. Raises where a chain cannot mix.

    A mixing op needs a second row; two of them would push the base's share of the label below a half.
    """
    mixing = [op.use for op in ops if op.module.BEHAVIOUR.label == "mix"]
    if len(mixing) > 1:
        raise PolicyError(
            f"a chain mixes labels once at most, this one has {' and '.join(mixing)}", "Put them into two steps."
        )
    if mixing and len(pool.ids) < 2:
        raise DataError(f"{mixing[0]} needs two training rows to mix, there is {len(pool.ids)}", "Add rows.")
    return {"weights": np.array([label == pool.target for label in pool.labels], dtype=np.float64)}
