"""What is wrong with a raw row of pictures, and the figures expectations may judge."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from augmill.policies.schema import Policy
from augmill.tasks.modalities import _image_codec as codec
from augmill.tasks.modalities._image_columns import BOXES, IMAGE, MASK, Pictures, payload
from augmill.tasks.transforms.picture import Box

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
        claims, pixels = codec.examined(encoded.to_pybytes())
    except codec.UnreadableError as error:
        return {"fault": f"image: {error}", "image.bytes": encoded.size}
    return {
        "fault": _mask_fault(pictures, row, claims) or _boxes_fault(pictures.boxes(row) or (), claims),
        "image.width": claims.width,
        "image.height": claims.height,
        "image.channels": claims.channels,
        "image.dtype": claims.dtype,
        "image.format": claims.format,
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


def tally(rows: pa.Table) -> dict[str, Any]:
    """Kinds, formats and sides of usable rows, from their headers."""
    headers = [codec.header(encoded.as_py()) for encoded in payload(rows, IMAGE)]
    kinds = Counter((header.channels, header.dtype) for header in headers)
    return {
        "kinds": [[*kind, count] for kind, count in kinds.items()],
        "formats": Counter(header.format for header in headers),
        "height": _ends([header.height for header in headers]),
        "width": _ends([header.width for header in headers]),
        "mask": _any(rows, MASK),
        "boxes": _any(rows, BOXES),
    }


def merge(policy: Policy, tallies: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures of usable training rows: equal for every way of cutting the rows into tallies."""
    all_tallies = list(tallies)
    kinds, formats = Counter[tuple[int, str]](), Counter[str]()
    for tallied in all_tallies:
        kinds.update({(channels, dtype): count for channels, dtype, count in tallied["kinds"]})
        formats.update(tallied["formats"])
    return {
        "pictures": kinds.total(),
        "kinds": [[*kind, kinds[kind]] for kind in sorted(kinds)],
        "formats": dict(sorted(formats.items())),
        "height": _ends([end for tallied in all_tallies for end in tallied["height"]]) or [0, 0],
        "width": _ends([end for tallied in all_tallies for end in tallied["width"]]) or [0, 0],
        "mask": any(tallied["mask"] for tallied in all_tallies),
        "boxes": any(tallied["boxes"] for tallied in all_tallies),
        "labelled": policy.label is not None,
    }


def _ends(values: Sequence[int]) -> list[int]:
    """The smallest and the largest; nothing where there is none."""
    return [min(values), max(values)] if values else []


def _any(batch: pa.Table, column: str) -> bool:
    return column in batch.column_names and bool(pc.any(pc.is_valid(batch.column(column))).as_py())
