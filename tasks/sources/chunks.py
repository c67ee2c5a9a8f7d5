"""From raw columns to chunks: final types, the source of each row, separate faults, bounded sizes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augmill.policies.schema import Policy
from augmill.tasks.rows.provenance import SOURCE, SOURCE_TYPE, SPLIT
from augmill.tasks.sources.column_types import arrow_of
from augmill.tasks.sources.pii_treatment import UNTREATED, Treatment
from augmill.tasks.sources.source_contract import Chunk, Fault, SourceObject
from augmill.tasks.sources.values import fit, misfit

# Faults are Python objects; a file that holds only broken lines must not fill the memory with them.
MAX_FAULTS = 10_000

I64 = NDArray[np.int64]
Sources = SourceObject | Sequence[SourceObject]
"""One object for all rows, or one object per row."""
Columns = Mapping[str, pa.Array]


@dataclass(frozen=True)
class ReadOptions:
    """How to read the rows of a unit: columns and types, the policy, the size of chunks, the treatment of columns.

    A reader may yield chunks of any size that fit into memory; afterwards they are cut and joined to `shard_rows` rows
    or about `shard_bytes` bytes.
    """

    types: Mapping[str, str]
    policy: Policy
    shard_rows: int
    shard_bytes: int
    treatment: Treatment = UNTREATED


def typed(columns: Columns, rows: I64, sources: Sources, options: ReadOptions) -> Chunk:
    """The columns of `options.types` in their types, null if the object lacks one; rows that do not fit become faults.

    Columns are treated first, so that neither rows nor faults hold values that `source.pii` removes.
    """
    fitted: dict[str, pa.Array] = {}
    types, treatment = options.types, options.treatment
    columns, reasons = treatment.values(columns)
    for name, kind in types.items():
        raw = columns.get(name)
        if raw is None:
            raw = pa.nulls(len(rows), arrow_of(kind))
        fitted[name], bad = fit(raw, kind)
        for position in bad:
            reasons.setdefault(int(position), []).append(misfit(name, treatment.shown(raw[position].as_py()), kind))
        if len(bad) and treatment.columns:
            columns[name] = fitted[name]
    table = with_source(fitted, rows, sources)
    if not reasons:
        return Chunk(table)
    faults = [
        Fault.at(_source_of(sources, position), int(rows[position]), "; ".join(why), row_text(columns, position))
        for position, why in sorted(reasons.items())
    ]
    keep = np.ones(len(rows), dtype=np.bool_)
    keep[list(reasons)] = False
    return Chunk(table.filter(pa.array(keep)), faults)


def with_source(columns: Columns, rows: I64, sources: Sources) -> pa.Table:
    """A table of the columns, then `augmill_source` (object, hash, row) and `augmill_split`."""
    if isinstance(sources, SourceObject):
        parts = [pa.repeat(pa.scalar(text), len(rows)) for text in (sources.name, sources.sha256)]
        split = pa.repeat(pa.scalar(sources.split, pa.string()), len(rows))
    else:
        parts = [pa.array([getattr(source, name) for source in sources], pa.string()) for name in ("name", "sha256")]
        split = pa.array([source.split for source in sources], pa.string())
    origin = pa.StructArray.from_arrays([*parts, pa.array(rows)], fields=list(SOURCE_TYPE))
    return pa.table({**columns, SOURCE: origin, SPLIT: split})


def row_text(columns: Columns, position: int) -> str:
    """One raw row as JSON, for a report; of bytes only their number is shown."""
    return json.dumps({name: values[position].as_py() for name, values in columns.items()}, default=_json_text)


def rechunk(parts: Iterable[Chunk], shard_rows: int, shard_bytes: int) -> Iterator[Chunk]:
    """The same rows in chunks of `shard_rows` rows, or fewer if they would exceed `shard_bytes`."""
    tables: list[pa.Table] = []
    faults: list[Fault] = []
    rows = size = 0
    for part in parts:
        rest = part.table
        faults += part.faults
        width = max(1, rest.nbytes // max(1, rest.num_rows))
        while rest.num_rows or len(faults) > MAX_FAULTS:
            take = min(rest.num_rows, shard_rows - rows, max(1, (shard_bytes - size) // width))
            tables.append(rest.slice(0, take))
            rest = rest.slice(take)
            rows, size = rows + take, size + take * width
            if rows >= shard_rows or size >= shard_bytes or len(faults) > MAX_FAULTS:
                yield Chunk(pa.concat_tables(tables).combine_chunks(), faults)
                tables, faults, rows, size = [], [], 0, 0
    if rows or faults:
        yield Chunk(pa.concat_tables(tables or [rest.slice(0, 0)]).combine_chunks(), faults)


def _source_of(sources: Sources, position: int) -> SourceObject:
    return sources if isinstance(sources, SourceObject) else sources[position]


def _json_text(value: Any) -> str:
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else str(value)
