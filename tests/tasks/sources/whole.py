"""Read a whole source at once, the way a run does it unit by unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from augmill.policies.schema import Policy
from augmill.tasks.rows.provenance import SOURCE, SPLIT
from augmill.tasks.sources.source_contract import Fault, Scan, SourceListing, Unit
from augmill.tasks.sources.source_reader import discover, read, scan, types_of, units

MANY = 10**6


def policy_of(uri: Any, **more: Any) -> Policy:
    """A policy for a source; `format` and `missing` go to the source, anything else to the policy."""
    source = {"uri": uri} | {name: more.pop(name) for name in ("format", "missing") if name in more}
    return Policy.model_validate({"dataset": "d", "modality": "tabular", "source": source, **more})


@dataclass(frozen=True)
class Whole:
    """Everything a source holds."""

    found: SourceListing
    units: list[Unit]
    scans: list[Scan]
    types: dict[str, str]
    table: pa.Table
    faults: list[Fault]
    chunks: int

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The user's columns, row by row."""
        return self.table.drop_columns([SOURCE, SPLIT]).to_pylist()

    @property
    def places(self) -> list[tuple[str, int]]:
        """Object and row number of every row."""
        return [(source["object"], source["row"]) for source in self.table[SOURCE].to_pylist()]

    @property
    def reasons(self) -> list[tuple[int, str]]:
        """Row number and reason of every fault."""
        return [(fault.row, fault.reason) for fault in self.faults]


def whole(
    base: Path,
    policy: Policy,
    *,
    expected: Mapping[str, str] | None = None,
    shard_rows: int = MANY,
    shard_bytes: int = 2**26,
    unit_bytes: int = 2**22,
) -> Whole:
    """Discover, scan and read all units of the policy's source."""
    found = discover(policy, base)
    work = units(found, policy, unit_bytes)
    scans = [scan(unit, policy) for unit in work]
    types = types_of(scans, expected)
    chunks = [chunk for unit in work for chunk in read(unit, types, policy, shard_rows, shard_bytes)]
    tables = [chunk.table for chunk in chunks]
    faults = [fault for chunk in chunks for fault in chunk.faults]
    table = pa.concat_tables(tables) if tables else pa.table({})
    return Whole(found, work, scans, types, table, faults, len(chunks))


def csv_of(base: Path, data: bytes | str, name: str = "data.csv", **more: Any) -> Whole:
    """Write one csv and read it."""
    (base / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return whole(base, policy_of(name, **more))
