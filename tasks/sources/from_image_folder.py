"""Pictures in folders named by their label: `root/<label>/...` or `root/<split>/<label>/...`.

The label is the first folder below the root (or below the split), as text; a picture outside of folders has none. The
folders are splits if all of the root's folders are called train, validation (val, valid, dev) or test. Hidden files,
files whose names begin with `_`, and files without a suffix of pictures are ignored. Pictures in formats that are not
read (`.gif`, `.heic`, ...) are rows too if they lie in a folder, so that they appear in quarantine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from augmill.policies.schema import Policy
from augmill.tasks.rows.provenance import PAYLOAD_TYPE
from augmill.tasks.sources.chunks import ReadOptions, typed
from augmill.tasks.sources.source_contract import Chunk, Scan, SourceListing, SourceObject, Unit
from augmill.tasks.sources.verified_reader import contents
from augmill.tasks.sources.work_units import grouped

IMAGE, LABEL = "image", "label"
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "test": "test",
}
_BATCH = 64


def with_splits(objects: Sequence[SourceObject]) -> list[SourceObject]:
    """The pictures with the split that their folder names, if the root's folders are splits."""
    parts = [picture.name.split("/") for picture in objects]
    if not all(len(names) > 1 and names[0] in SPLIT_FOLDERS for names in parts):
        return list(objects)
    return [replace(picture, split=SPLIT_FOLDERS[names[0]]) for picture, names in zip(objects, parts, strict=True)]


def units(listing: SourceListing, policy: Policy, unit_bytes: int) -> list[Unit]:
    """Pictures in groups."""
    del policy
    return grouped("image_folder", listing.objects, unit_bytes)


def scan(unit: Unit, policy: Policy) -> Scan:
    """The types, which are always the same: an image and a text per picture."""
    return Scan({IMAGE: "payload", policy.label or LABEL: "string"}, len(unit.objects))


def read(unit: Unit, options: ReadOptions) -> Iterator[Chunk]:
    """One row per picture, with the bytes of its file."""
    data = contents(unit.objects)
    for start in range(0, len(unit.objects), _BATCH):
        batch = unit.objects[start : start + _BATCH]
        payloads = [{"bytes": next(data), "path": picture.name} for picture in batch]
        labels = pa.array([_label(picture) for picture in batch], pa.string())
        columns = {IMAGE: pa.array(payloads, PAYLOAD_TYPE), options.policy.label or LABEL: labels}
        yield typed(columns, np.zeros(len(batch), dtype=np.int64), batch, options)


def _label(picture: SourceObject) -> str | None:
    folders = picture.name.split("/")[1 if picture.split else 0 : -1]
    return folders[0] if folders else None
