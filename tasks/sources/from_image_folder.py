"""Pictures in folders named by their label: `root/<label>/...` or `root/<split>/<label>/...`.

The label is the first folder below the root (or below the split), as text; a picture in no folder has none. The
folders are splits if all of the root's folders are called train, validation (val, valid, dev) or test. Hidden
files, those that begin with `_`, and files that are no pictures by their suffix are not looked at. Pictures in
formats that are not read (`.gif`, `.heic`, ...) are rows too if they lie in a folder, so that quarantine tells of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from augmill.policies.schema import Policy
from augmill.tasks.rows.provenance import PAYLOAD_TYPE
from augmill.tasks.sources.chunks import Wanted, typed
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


def placed(objects: Sequence[SourceObject]) -> list[SourceObject]:
    """The pictures with the split their folder names, if the root's folders are splits."""
    parts = [one.name.split("/") for one in objects]
    if not all(len(names) > 1 and names[0] in SPLIT_FOLDERS for names in parts):
        return list(objects)
    return [replace(one, split=SPLIT_FOLDERS[names[0]]) for one, names in zip(objects, parts, strict=True)]


def units(found: SourceListing, policy: Policy, unit_bytes: int) -> list[Unit]:
    """Pictures in groups."""
    del policy
    return grouped("image_folder", found.objects, unit_bytes)


def scan(unit: Unit, policy: Policy) -> Scan:
    """Nothing to look at: an image and a text per picture."""
    return Scan({IMAGE: "payload", policy.label or LABEL: "string"}, len(unit.objects))


def read(unit: Unit, wanted: Wanted) -> Iterator[Chunk]:
    """One row per picture, its bytes as they are in the file."""
    data = contents(unit.objects)
    for start in range(0, len(unit.objects), _BATCH):
        batch = unit.objects[start : start + _BATCH]
        payloads = [{"bytes": next(data), "path": one.name} for one in batch]
        labels = pa.array([_label(one) for one in batch], pa.string())
        columns = {IMAGE: pa.array(payloads, PAYLOAD_TYPE), wanted.policy.label or LABEL: labels}
        yield typed(columns, np.zeros(len(batch), dtype=np.int64), batch, wanted)


def _label(picture: SourceObject) -> str | None:
    folders = picture.name.split("/")[1 if picture.split else 0 : -1]
    return folders[0] if folders else None
