"""The boxes of a manifest, one per row or all in one JSON column, as `augmill`'s list of boxes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from augmill.policies.schema import BoxColumns

CORNERS = ("xmin", "ymin", "xmax", "ymax")
Row = Mapping[str, str | None]
Boxes = list[dict[str, Any]]


class NoBox(ValueError):
    """A value that is not a box; the message says which value and why."""


def from_rows(rows: Sequence[Row], names: BoxColumns) -> Boxes:
    """One box per row; a row without corners means that its picture holds no object. Raises NoBox."""
    boxes: Boxes = []
    for row in rows:
        corners = [row.get(getattr(names, corner)) for corner in CORNERS]
        if any(corner is not None for corner in corners):
            columns = [str(getattr(names, corner)) for corner in CORNERS]
            boxes.append(_box(corners, row.get(names.label), columns))
    return boxes


def from_json(text: str | None) -> Boxes:
    """A list of [xmin, ymin, xmax, ymax, label] or of objects with those keys. Raises NoBox."""
    if text is None:
        return []
    try:
        listed = json.loads(text)
    except ValueError as error:
        raise NoBox(f"boxes are not JSON ({error})") from error
    if not isinstance(listed, list):
        raise NoBox("boxes are not a list")
    return [_from_item(item) for item in listed]


def _from_item(item: Any) -> dict[str, Any]:
    if isinstance(item, dict) and set(item) == {*CORNERS, "label"}:
        item = [item[name] for name in (*CORNERS, "label")]
    if not isinstance(item, list) or len(item) != 5:
        raise NoBox(f"a box is not [xmin, ymin, xmax, ymax, label]: {str(item)[:80]}")
    return _box(item[:4], item[4], CORNERS)


def _box(corners: Sequence[Any], label: Any, columns: Sequence[str]) -> dict[str, Any]:
    if label is None or isinstance(label, list | dict):
        raise NoBox("a box has no label")
    box: dict[str, Any] = {}
    for name, value, column in zip(CORNERS, corners, columns, strict=True):
        try:
            box[name] = float(value)
        except (TypeError, ValueError):
            raise NoBox(f"column {column!r}: {value!r} is not a number") from None
        if not math.isfinite(box[name]):
            raise NoBox(f"column {column!r}: {value!r} is not a finite number")
    return {**box, "label": str(label)}
