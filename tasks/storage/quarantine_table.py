"""The quarantine table of a dataset: every row that was refused, with the reason, keyed by the shard it came in.

A shard's refusals are one file named after the shard, so that a retry adds nothing twice.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from augmill.tasks.storage.delta import Conflict, NewFile, Table, select
from augmill.tasks.storage.store import Store

SCHEMA = pa.schema(
    [
        pa.field("shard", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("object", pa.string()),
        pa.field("row", pa.int64()),
        pa.field("sample_id", pa.string()),
        pa.field("reasons", pa.list_(pa.string())),
        pa.field("content", pa.string()),
        pa.field("payload", pa.binary()),
    ]
)
_ATTEMPTS = 8


def table(store: Store) -> Table:
    """The Delta table of refused rows."""
    return Table(store, partitions=())


def shard_of(path: str) -> str:
    """The shard that a file holds the refusals of: its name up to the first dot, for a purge writes files anew."""
    return path.partition(".")[0]


def write(store: Store, shard: str, rows: pa.Table) -> NewFile:
    """Write a shard's refused rows, from any worker; they count once `commit` has named them.

    `rows` holds the columns of `SCHEMA` but `shard`; `sample_id` and `payload` may be left out.
    """
    columns = [_column(rows, field, shard) for field in SCHEMA]
    return NewFile.of(store.write_table(f"{shard}.parquet", pa.table(columns, schema=SCHEMA)), {})


def commit(store: Store, files: Sequence[NewFile], metadata: Mapping[str, str], *, at_ms: int) -> int | None:
    """Add shards to the table in one transaction; those already in it are left out. Returns the table's version.

    Tries again when another run has added its own meanwhile, because additions do not exclude each other.
    """
    quarantined = table(store)
    for attempt in range(_ATTEMPTS):
        current = quarantined.current()
        committed_shards = {shard_of(file.path) for file in current.files} if current else set()
        new = [file for file in files if shard_of(file.path) not in committed_shards]
        version = current.version if current else None
        if not new:
            return version
        try:
            return quarantined.publish(version, new, [], SCHEMA, metadata, at_ms=at_ms)
        except Conflict:
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.05 * 2**attempt * (0.5 + secrets.randbelow(1000) / 1000))
    return None


def append(store: Store, shard: str, rows: pa.Table, metadata: Mapping[str, str], *, at_ms: int) -> int | None:
    """Write and commit one shard's refused rows; nothing happens for a shard that is already in the table."""
    current = table(store).current()
    if current and any(shard_of(file.path) == shard for file in current.files):
        return current.version
    return commit(store, [write(store, shard, rows)], metadata, at_ms=at_ms)


def read(
    store: Store, shards: Sequence[str] | None = None, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Stream the refused rows of the latest version, of all shards or of those given."""
    current = table(store).current()
    if current is None:
        return
    schema = select(current.schema, columns)
    for file in current.files:
        if shards is None or shard_of(file.path) in shards:
            yield from table(store).read_file(file, schema)


def counts(store: Store, shards: Sequence[str] | None = None) -> dict[str, int]:
    """How many rows were refused for each reason; a row with two reasons counts for both."""
    row_counts: Counter[str] = Counter()
    for batch in read(store, shards, ["reasons"]):
        row_counts.update(batch.column("reasons").flatten().to_pylist())
    return dict(sorted(row_counts.items()))


def _column(rows: pa.Table, field: pa.Field, shard: str) -> pa.Array | pa.ChunkedArray:
    if field.name == "shard":
        return pa.repeat(pa.scalar(shard), rows.num_rows)
    if field.name in rows.column_names:
        return rows.column(field.name).cast(field.type)
    return pa.nulls(rows.num_rows, field.type)
