"""What a source format offers, and the small things it hands on.

A format is one file, `from_<format>.py`, holding three functions:

    units(found, policy, unit_bytes) -> list[Unit]      how objects are shared out among workers
    scan(unit, policy) -> Scan                          column types and counts, without keeping rows
    read(unit, wanted) -> Iterator[Chunk]               rows in final types, chunk by chunk, in bounded memory
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

    Where the policy gives one URI per split, `name` begins with the split. `uri` is where this machine finds it.
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
    """All objects of a source, sorted by name, the format they are read in, and which of them are manifests.

    `ignored`: names of visible files below the source that are of no such format, so that nothing is made of them.
    """

    format: str
    objects: tuple[SourceObject, ...]
    manifests: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()

    @property
    def said_of_ignored(self) -> str:
        """How many files are ignored, and some of their names; nothing where none is."""
        count = len(self.ignored)
        names = ", ".join(self.ignored[:3]) + ", ..." * (count > 3)
        return f"{count:,} file{'s' * (count != 1)} ignored: {names}" if count else ""


@dataclass(frozen=True)
class Fault:
    """Something in an object that is no row, or no row of the right types. `row` counts rows from 0."""

    object_name: str
    sha256: str
    row: int
    reason: str
    text: str

    @classmethod
    def at(cls, source: SourceObject, row: int, reason: str, text: str) -> Fault:
        """A fault of `source`, its text cut to a length that a report can show."""
        short = text if len(text) <= MAX_FAULT_TEXT else text[:MAX_FAULT_TEXT] + "..."
        return cls(source.name, source.sha256, row, reason, short)


@dataclass(frozen=True)
class Chunk:
    """Rows in final types, with `augmill_source` and `augmill_split`, and the faults met between them."""

    table: pa.Table
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class Unit:
    """Objects that one worker reads one after another. `rows`: the lines of a manifest that belong to them."""

    format: str
    objects: tuple[SourceObject, ...]
    rows: str = ""

    @property
    def bytes(self) -> int:
        """Size of all its objects."""
        return sum(source.bytes for source in self.objects) + len(self.rows)

    def key(self) -> list[object]:
        """Everything its rows are made from, as JSON; equal keys give equal rows."""
        return [self.format, [[one.name, one.sha256, one.split] for one in self.objects], self.rows]


@dataclass(frozen=True)
class Scan:
    """What a look at every value of a unit found: the narrowest type of each column, rows, lines that are no rows.

    `lacking`: the objects with rows that do not have all of the columns, and those they do not have.
    `treated`: the columns it met that `source.pii` treats; dropped ones are not among `columns`.
    """

    columns: dict[str, str]
    rows: int
    faults: int = 0
    lacking: dict[str, list[str]] = field(default_factory=dict)
    treated: list[str] = field(default_factory=list)


def lacking(columns: Mapping[str, str], having: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """What each object lacks of the columns, from what each has; objects that lack none are left out."""
    found = {name: [column for column in columns if column not in here] for name, here in having.items()}
    return {name: absent for name, absent in found.items() if absent}


def changed(name: str) -> DataError:
    """The error for an object whose bytes are not those that were listed."""
    return DataError(
        f"{name} changed while it was being read",
        "let whatever writes it finish, then run again; write new files under a temporary name and rename them",
    )
