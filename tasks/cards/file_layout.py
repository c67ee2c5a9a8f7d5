"""Where the files of a version lie, seen from the card that describes them, and what columns they hold."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from augmill.policies.schema import SPLITS
from augmill.tasks.rows.provenance import BOXES_TYPE, PAYLOAD_TYPE


@dataclass(frozen=True)
class LaidFile:
    """One Parquet file of a version; `path` is relative to the folder that holds all of them."""

    path: str
    split: str
    origin: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Layout:
    """The files of a version, sorted by path, and the columns inside them.

    `prefix` leads from the card to the folder of the files: empty, relative or absolute, with its slash at the end.
    With `hive`, split and origin stand in the paths (`augmill_split=train/...`) and not among the columns.
    """

    files: tuple[LaidFile, ...]
    schema: pa.Schema
    prefix: str = ""
    hive: bool = False

    @property
    def splits(self) -> dict[str, list[LaidFile]]:
        """The files of each split, training first: readers take the first for the default."""
        names = [split for split in SPLITS if any(file.split == split for file in self.files)]
        return {name: [file for file in self.files if file.split == name] for name in names}


def is_picture(kind: pa.DataType) -> bool:
    """Whether a column holds encoded pictures."""
    return bool(kind == PAYLOAD_TYPE)


def is_boxes(kind: pa.DataType) -> bool:
    """Whether a column holds boxes around objects."""
    return bool(kind == BOXES_TYPE)
