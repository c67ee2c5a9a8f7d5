"""How the rows of an image dataset hold pictures: columns `image`, `mask` and `boxes`, and the user's others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.tasks.modalities import _image_codec as codec
from augmill.tasks.transforms.picture import Box, Picture

IMAGE, MASK, BOXES = "image", "mask", "boxes"


class Pictures:
    """The pictures of a table, read one at a time."""

    def __init__(self, rows: pa.Table) -> None:
        self._images = payload(rows, IMAGE)
        self._masks = payload(rows, MASK) if MASK in rows.column_names else None
        self._boxes = rows.column(BOXES) if BOXES in rows.column_names else None

    @property
    def has_masks(self) -> bool:
        """Whether rows are meant to have masks."""
        return self._masks is not None

    def encoded(self, row: int) -> Any:
        """The encoded image as a buffer, without a copy; None where it is null."""
        return self._images[row].as_buffer()

    def encoded_mask(self, row: int) -> Any:
        """The encoded mask; None where there is none."""
        return None if self._masks is None else self._masks[row].as_buffer()

    def boxes(self, row: int) -> tuple[Box, ...] | None:
        """The boxes of a row; None where they are null."""
        records = None if self._boxes is None else self._boxes[row].as_py()
        return None if records is None else tuple(Box(**box) for box in records)

    def read(self, row: int) -> Picture:
        """The decoded picture of a row that passed `facts`."""
        mask = self.encoded_mask(row)
        # Pixels are shared by all children of a row, so nothing may write into them.
        image = _frozen(codec.decode(self.encoded(row)))
        numbers = None if mask is None else _frozen(codec.decode_mask(mask.to_pybytes()))
        return Picture(image, numbers, self.boxes(row))


def _frozen(array: Any) -> Any:
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array


def payload(rows: pa.Table, name: str) -> pa.ChunkedArray:
    """The encoded bytes of a payload column."""
    return pc.struct_field(rows.column(name), "bytes")


def payload_column(encoded: Sequence[bytes], kind: pa.DataType) -> pa.Array:
    """New files as a payload column: they have no path, because no file holds them."""
    # One allocation; Arrow's own builder grows by doubling, and page faults are what that costs.
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    content = pa.Array.from_buffers(pa.large_binary(), len(encoded), buffers)
    fields = {"bytes": content, "path": pa.nulls(len(encoded), pa.string())}
    return pa.StructArray.from_arrays([fields[field.name].cast(field.type) for field in kind], fields=list(kind))


def boxes_column(boxes: Sequence[tuple[Box, ...] | None], kind: pa.DataType) -> pa.Array:
    """Boxes as a column of lists."""
    return pa.array([None if row is None else [vars(box) for box in row] for row in boxes], kind)
