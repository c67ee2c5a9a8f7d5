"""The small things stages hand each other: names of objects and counts, never tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Described:
    """A descriptor that is kept beside its object as JSON, so that a rerun need not open the object."""

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dict; the inverse of `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Rebuild from `to_json`'s dict."""
        return cls(**document)


@dataclass(frozen=True)
class RawShard(Described):
    """Rows as they were read, typed, with their source; `faults` counts lines that were no rows."""

    name: str
    rows: int
    bytes: int
    faults: int = 0
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ValidShard(Described):
    """Which rows of a raw shard passed, how many failed for which reason, and how many rows each expectation of
    the suite could judge."""

    name: str
    raw: str
    rows: int
    quarantined: int
    reasons: dict[str, int] = field(default_factory=dict)
    judged: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class PlacedShard(Described):
    """Ids and splits for the rows of one raw shard that will be published, by split and label."""

    name: str
    raw: str
    rows: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DataFile(Described):
    """One Parquet file in the table's folder, ready to be committed; `shard` names the children it holds, `scores`
    how the verifier judged them."""

    path: str
    split: str
    origin: str
    rows: int
    bytes: int
    sha256: str
    labels: dict[str, int] = field(default_factory=dict)
    step: str = ""
    shard: str = ""
    scores: str = ""


@dataclass(frozen=True)
class ChildShard(Described):
    """Children of one step and label, made but not yet judged."""

    name: str
    step: str
    label: str
    origin: str
    rows: int
    bytes: int
    cpu_seconds: float


@dataclass(frozen=True)
class FittedStep(Described):
    """One step for one label: what it learned, from which pool, and how many children it shall make."""

    step: str
    label: str
    count: int
    recipe: str
    state: str
    index: str
    pool: str | None
    origin: str


@dataclass(frozen=True)
class IngestResult:
    """Everything ingest found: typed shards in a stable order, the columns with their types, and who lacks which."""

    shards: tuple[RawShard, ...]
    types: dict[str, str]
    gaps: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ValidationResult:
    """The judged shards, and the verdict on the whole: one JSON document per expectation."""

    shards: tuple[ValidShard, ...]
    whole: list[dict[str, Any]]
    types: dict[str, str]

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows failed for which reason."""
        total = Counter[str]()
        for shard in self.shards:
            total.update(shard.reasons)
        return dict(sorted(total.items()))

    @property
    def quarantined(self) -> int:
        """Rows that failed."""
        return sum(shard.quarantined for shard in self.shards)


@dataclass(frozen=True)
class AcceptedShard:
    """One shard of children with the ids that did not pass, and their scores; the rest is published, so many of each
    class in `labels`."""

    shard: ChildShard
    dropped: tuple[str, ...] = ()
    scores: str = ""
    labels: Mapping[str, int] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        """Rows that will be published."""
        return self.shard.rows - len(self.dropped)
