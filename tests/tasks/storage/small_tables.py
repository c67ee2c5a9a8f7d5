"""Small tables to publish, and the two lines that publish them."""

from __future__ import annotations

import pyarrow as pa

from augmill.tasks.rows.provenance import ORIGIN, SPLIT
from augmill.tasks.storage.delta import NewFile, Table

BASE = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("x", pa.int64())])
PARTITION_FIELDS = [pa.field(SPLIT, pa.string()), pa.field(ORIGIN, pa.string())]


def full(schema: pa.Schema) -> pa.Schema:
    return pa.schema([*schema, *PARTITION_FIELDS])


def data_file(table: Table, name: str, rows: pa.Table, split: str = "train", origin: str = "real") -> NewFile:
    path = f"{SPLIT}={split}/{ORIGIN}={origin}/{name}.parquet"
    return NewFile.of(table.store.write_table(path, rows), {SPLIT: split, ORIGIN: origin})


def rows(*ids: str, **columns: list) -> pa.Table:
    return pa.table({"id": list(ids), "x": [len(each) for each in ids], **columns})


def publish(table: Table, expected: int | None, add=(), remove=(), schema: pa.Schema = BASE, run: str = "run") -> int:
    return table.publish(expected, add, remove, full(schema), {"run_id": run}, at_ms=1_700_000_000_000)


def read(table: Table, version: int, **wanted) -> list[dict]:
    return [row for batch in table.read(version, **wanted) for row in batch.to_pylist()]
