"""Boxes that follow the geometry: clipped to the picture, dropped when too little of them stays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from augmill.tasks.transforms.picture import Box

F64 = NDArray[np.float64]

# A box of which less than this share is still visible no longer shows what its label says. The value is
# `area_thr` of `box_candidates` in YOLOv5 (Jocher 2020), the rule most detection training sets are cut by.
MIN_VISIBLE_SHARE = 0.1
# Narrower than one pixel is a line, which detectors refuse as degenerate.
MIN_SIDE_PX = 1.0


def as_array(boxes: tuple[Box, ...], shape: tuple[int, ...]) -> F64:
    """Boxes as albumentations wants them, (n, 5): corners as shares of width and height, then their index."""
    height, width = shape[:2]
    rows = [(b.xmin / width, b.ymin / height, b.xmax / width, b.ymax / height, i) for i, b in enumerate(boxes)]
    return np.array(rows, dtype=np.float64).reshape(-1, 5)


def clipped_boxes(array: F64, boxes: tuple[Box, ...], shape: tuple[int, ...]) -> tuple[Box, ...]:
    """Moved boxes, (n, 5) as in `as_array` and not yet clipped, as boxes inside a picture of `shape`."""
    height, width = shape[:2]
    # Shares come back with float noise (99.99999999 for 100); a thousandth of a pixel is finer than any label.
    moved = np.round(array[:, :4] * (width, height, width, height), 3)
    clipped = np.clip(moved, 0.0, (width, height, width, height))
    visible = []
    for before, after, index in zip(moved, clipped, array[:, 4].astype(int), strict=True):
        if _visible(before, after):
            visible.append(_box(after, boxes[index].label))
    return tuple(visible)


def _box(corners: F64, label: str) -> Box:
    xmin, ymin, xmax, ymax = corners.tolist()
    return Box(xmin, ymin, xmax, ymax, label)


def _visible(before: F64, after: F64) -> bool:
    wide, high = after[2] - after[0], after[3] - after[1]
    area = (before[2] - before[0]) * (before[3] - before[1])
    return bool(wide >= MIN_SIDE_PX and high >= MIN_SIDE_PX and wide * high >= MIN_VISIBLE_SHARE * area)


def through_map(boxes: tuple[Box, ...], map_x: NDArray[Any], map_y: NDArray[Any]) -> tuple[Box, ...]:
    """Boxes after a free distortion: the hull of the pixels that now show something from inside each box.

    `map_x`, `map_y` (h, w) say where each pixel of the result is read from. The library's own way rounds boxes
    to masks and loses their last row and column; this one does not.
    """
    hulls = []
    for box in boxes:
        inside = (map_x >= box.xmin - 0.5) & (map_x < box.xmax - 0.5)
        inside &= (map_y >= box.ymin - 0.5) & (map_y < box.ymax - 0.5)
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        area = (box.xmax - box.xmin) * (box.ymax - box.ymin)
        if np.count_nonzero(inside) >= max(1.0, MIN_VISIBLE_SHARE * area):
            corners = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)
            hulls.append(_box(corners, box.label))
    return tuple(hulls)
