"""Small pictures for reports, with their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augmill.tasks.modalities import _image_codec as codec
from augmill.tasks.transforms.picture import Box

BOX_COLOUR = (255, 64, 0)


def thumbnail(image_bytes: bytes, size: int, boxes: Sequence[Box] = ()) -> bytes:
    """A PNG whose longer side is `size` pixels: single pixels of tiny pictures stay visible as squares.

    `boxes` are in pixels of the picture. 16-bit pictures are shown stretched from black to white. Raises
    UnreadableError for what `decode` cannot read.
    """
    import cv2

    image = _eight_bits(codec.decode(image_bytes))
    height, width = image.shape[:2]
    scale = size / max(height, width)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, shape, interpolation=cv2.INTER_AREA if scale < 1.0 else cv2.INTER_NEAREST)
    return codec.encode(_with_boxes(small, boxes, scale) if boxes else small)


def _eight_bits(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.dtype == np.uint8:
        return image
    low, high = int(image.min()), int(image.max())
    return ((image - low) * (255.0 / max(1, high - low))).astype(np.uint8)


def _with_boxes(small: NDArray[Any], boxes: Sequence[Box], scale: float) -> NDArray[Any]:
    import cv2

    colour = cv2.cvtColor(small, cv2.COLOR_GRAY2RGB) if small.ndim == 2 else np.ascontiguousarray(small[:, :, :3])
    for box in boxes:
        start, end = (
            (round(box.xmin * scale), round(box.ymin * scale)),
            (round(box.xmax * scale), round(box.ymax * scale)),
        )
        cv2.rectangle(colour, start, (end[0] - 1, end[1] - 1), BOX_COLOUR, 1)
    return np.asarray(colour)
