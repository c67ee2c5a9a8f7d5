"""What is wrong with a raw row of pictures, and the figures expectations may judge."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from policies.schema import Policy
from tasks.modalities import _image_codec as codec
from tasks.modalities._image_columns import BOXES, IMAGE, MASK, Pictures, payload
from tasks.transforms.picture import Box

FACTS = pa.schema(
    [
        ("fault", pa.string()),
        ("image.width", pa.int32()),
        ("image.height", pa.int32()),
        ("image.channels", pa.int32()),
        ("image.dtype", pa.string()),
        ("image.format", pa.string()),
        ("image.bytes", pa.int64()),
        ("image.contrast", pa.int32()),
    ]
)


def facts(rows: pa.Table) -> pa.Table:
    """One row of facts per raw row; see `FACTS`. Every pixel is decoded once, so that later stages can trust it."""
    pictures = Pictures(rows)
    return pa.Table.from_pylist([_row(pictures, row) for row in range(rows.num_rows)], schema=FACTS)


def _row(pictures: Pictures, row: int) -> dict[str, Any]:
    encoded = pictures.encoded(row)
    if encoded is None or encoded.size == 0:
        return {"fault": "image: no bytes"}
    try:
        found, pixels = codec.examined(encoded.to_pybytes())
    except codec.UnreadableError as error:
        return {"fault": f"image: {error}", "image.bytes": encoded.size}
    return {
        "fault": _mask_fault(pictures, row, found) or _boxes_fault(pictures.boxes(row) or (), found),
        "image.width": found.width,
        "image.height": found.height,
        "image.channels": found.channels,
        "image.dtype": found.dtype,
        "image.format": found.format,
        "image.bytes": encoded.size,
        "image.contrast": codec.contrast(pixels),
    }


def _mask_fault(pictures: Pictures, row: int, image: codec.Header) -> str | None:
    if not pictures.has_masks:
        return None
    encoded = pictures.encoded_mask(row)
    if encoded is None or encoded.size == 0:
        return "mask: missing"
    try:
        height, width = codec.decode_mask(encoded.to_pybytes()).shape
    except codec.UnreadableError as error:
        return f"mask: {error}"
    if (height, width) != (image.height, image.width):
        return f"mask: {width} x {height} pixels, the image has {image.width} x {image.height}"
    return None


def _boxes_fault(boxes: Iterable[Box], image: codec.Header) -> str | None:
    for number, box in enumerate(boxes):
        corners = (box.xmin, box.ymin, box.xmax, box.ymax)
        if any(corner is None or not math.isfinite(corner) for corner in corners) or box.label is None:
            return f"boxes: box {number} has a missing value"
        if box.xmin >= box.xmax or box.ymin >= box.ymax:
            return f"boxes: box {number} {corners} is degenerate"
        if box.xmin < 0 or box.ymin < 0 or box.xmax > image.width or box.ymax > image.height:
            return f"boxes: box {number} {corners} reaches outside {image.width} x {image.height} pixels"
    return None


def describe(policy: Policy, batches: Iterable[pa.Table]) -> dict[str, Any]:
    """Figures of usable training rows, from their headers: equal for every way of cutting the rows into batches."""
    kinds: dict[tuple[int, str], int] = {}
    formats: dict[str, int] = {}
    heights, widths = _Extent(), _Extent()
    mask = boxes = False
    for batch in batches:
        for encoded in payload(batch, IMAGE):
            found = codec.header(encoded.as_py())
            kinds[found.channels, found.dtype] = kinds.get((found.channels, found.dtype), 0) + 1
            formats[found.format] = formats.get(found.format, 0) + 1
            heights.see(found.height)
            widths.see(found.width)
        mask = mask or _any(batch, MASK)
        boxes = boxes or _any(batch, BOXES)
    return {
        "pictures": sum(kinds.values()),
        "kinds": [[*kind, kinds[kind]] for kind in sorted(kinds)],
        "formats": dict(sorted(formats.items())),
        "height": heights.ends,
        "width": widths.ends,
        "mask": mask,
        "boxes": boxes,
        "labelled": policy.label is not None,
    }


def _any(batch: pa.Table, column: str) -> bool:
    return column in batch.column_names and bool(pc.any(pc.is_valid(batch.column(column))).as_py())


class _Extent:
    """The smallest and the largest of the values seen."""

    def __init__(self) -> None:
        self.ends = [0, 0]
        self._empty = True

    def see(self, value: int) -> None:
        """Take one value in."""
        self.ends = [value, value] if self._empty else [min(self.ends[0], value), max(self.ends[1], value)]
        self._empty = False
