"""The interface of a source format, and the data classes it uses.

A format is one file, `from_<format>.py`, holding three functions:

    units(listing, policy, unit_bytes) -> list[Unit]    how objects are distributed to workers
    scan(unit, policy) -> Scan                          column types and counts, without storing rows
    read(unit, options) -> Iterator[Chunk]              rows in final types, chunk by chunk, in bounded memory
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from augmill.policies.errors import DataError

MAX_FAULT_TEXT = 2000


@dataclass(frozen=True, order=True)
class SourceObject:
    """One raw file or S3 object. `name` is its path below the fixed root of the source URI, the same on every machine.

    If the policy gives one URI per split, `name` begins with the split. `uri` is its location for this machine.
    """

    name: str
    uri: str
    bytes: int
    sha256: str
    split: str | None = None
    etag: str | None = None
    version_id: str | None = None


@dataclass(frozen=True)
class SourceListing:
    """All objects of a source, sorted by name, their format, and the names of those that are manifests.

    `ignored`: names of visible files below the source that are not of this format and are not read.
    """

    format: str
    objects: tuple[SourceObject, ...]
    manifests: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()

    @property
    def ignored_summary(self) -> str:
        """The number of ignored files and some of their names; empty if there are none."""
        count = len(self.ignored)
        names = ", ".join(self.ignored[:3]) + ", ..." * (count > 3)
        return f"{count:,} file{'s' * (count != 1)} ignored: {names}" if count else ""


@dataclass(frozen=True)
class Fault:
    """Something in an object that is not a row, or a row that does not fit the types. `row` counts rows from 0."""

    object_name: str
    sha256: str
    row: int
    reason: str
    text: str

    @classmethod
    def at(cls, source: SourceObject, row: int, reason: str, text: str) -> Fault:
        """A fault of `source`, with its text shortened for reports."""
        short = text if len(text) <= MAX_FAULT_TEXT else text[:MAX_FAULT_TEXT] + "..."
        return cls(source.name, source.sha256, row, reason, short)


@dataclass(frozen=True)
class Chunk:
    """Rows in final types, with `augmill_source` and `augmill_split`, and the faults between them."""

    table: pa.Table
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class Unit:
    """Objects that one worker reads one by one. `rows`: the lines of a manifest that belong to them."""

    format: str
    objects: tuple[SourceObject, ...]
    rows: str = ""

    @property
    def bytes(self) -> int:
        """Size of all its objects."""
        return sum(source.bytes for source in self.objects) + len(self.rows)

    def key(self) -> list[object]:
        """Everything that the rows depend on, as JSON; equal keys give equal rows."""
        return [self.format, [[source.name, source.sha256, source.split] for source in self.objects], self.rows]


@dataclass(frozen=True)
class Scan:
    """The summary of all values of a unit: the narrowest type of each column, the numbers of rows and of faults.

    `lacking`: the objects with rows that do not have all of the columns, and the columns that they lack.
    `treated`: the columns of the unit that `source.pii` treats; dropped ones are not among `columns`.
    """

    columns: dict[str, str]
    rows: int
    faults: int = 0
    lacking: dict[str, list[str]] = field(default_factory=dict)
    treated: list[str] = field(default_factory=list)


def lacking(columns: Mapping[str, str], having: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """The columns that each object lacks, from the columns that each has; only objects that lack some."""
    missing_by_object = {
        name: [column for column in columns if column not in present] for name, present in having.items()
    }
    return {name: absent for name, absent in missing_by_object.items() if absent}


def changed(name: str) -> DataError:
    """The error for an object whose bytes have changed since it was listed."""
    return DataError(
        f"{name} changed while it was being read",
        "let whatever writes it finish, then run again; write new files under a temporary name and rename them",
    )
