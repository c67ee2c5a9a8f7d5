"""Tables as Parquet bytes and back: fixed options, so that the same rows always give the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from augmill.policies.errors import DataError

# Row groups bound what a streaming reader holds: many narrow rows, or few rows that carry pictures.
_NARROW_ROWS = 65_536
_PAYLOAD_ROWS = 1_024
# Level 3 took 40 % longer over a million rows of floats and saved nothing.
_ZSTD_LEVEL = 1
# PNG and JPEG are compressed already: trying again takes a third of this time, for 4 % of JPEG that level 1 would save.
_PASSING_PAYLOAD_LEVEL = -20


def encode(table: pa.Table, *, passing: bool = False) -> bytes:
    """Parquet bytes that depend on schema and values only, not on how the table was put together.

    `passing`: written to be read once or twice, so that time counts for more than size.
    """
    payload = any(_is_payload(field.type) for field in table.schema)
    sink = pa.BufferOutputStream()
    pq.write_table(
        # Pages end where chunks end, so one chunk it is; pandas' metadata tells how the table came to be.
        _without_pandas(table).combine_chunks(),
        sink,
        row_group_size=_PAYLOAD_ROWS if payload else _NARROW_ROWS,
        version="2.6",
        compression="zstd",
        compression_level=_PASSING_PAYLOAD_LEVEL if passing and payload else _ZSTD_LEVEL,
        # Texts repeat; numbers seldom do, and trying a dictionary first made the whole write seven times slower.
        use_dictionary=[field.name for field in table.schema if _is_text(field.type)],
        use_byte_stream_split=[field.name for field in table.schema if pa.types.is_floating(field.type)],
        write_statistics=True,
    )
    return bytes(sink.getvalue().to_pybytes())


def sha256(data: bytes) -> str:
    """The hash, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def schema(stream: BinaryIO) -> pa.Schema:
    """The columns of a Parquet file."""
    with pq.ParquetFile(stream) as file:
        return file.schema_arrow


def read(stream: BinaryIO, columns: Sequence[str] | None) -> pa.Table:
    """A Parquet file, or the given columns in the order asked for."""
    with pq.ParquetFile(stream) as file:
        table = file.read(columns=_checked_columns(file, columns))
    return table if columns is None else table.select(list(columns))


def read_where(stream: BinaryIO, column: str, value: str) -> pa.Table:
    """The rows whose text `column` has this value, read from the row groups whose range it lies in."""
    with pq.ParquetFile(stream, pre_buffer=False) as file:
        groups = [number for number in range(file.num_row_groups) if _may_hold(file, number, column, value)]
        tables = []
        for number in groups:
            rows = pc.equal(file.read_row_group(number, columns=[column])[column], value)
            if pc.any(rows).as_py():
                tables.append(file.read_row_group(number).filter(rows))
        return pa.concat_tables(tables) if tables else file.schema_arrow.empty_table()


def _may_hold(file: pq.ParquetFile, group: int, column: str, value: str) -> bool:
    metadata = file.metadata.row_group(group)
    for at in range(metadata.num_columns):
        chunk = metadata.column(at)
        if chunk.path_in_schema == column and chunk.statistics is not None and chunk.statistics.has_min_max:
            return bool(chunk.statistics.min <= value <= chunk.statistics.max)
    return True


def batches(
    stream: BinaryIO, columns: Sequence[str] | None, batch_rows: int, absent_ok: bool
) -> Iterator[pa.RecordBatch]:
    """A Parquet file in batches of at most `batch_rows` rows; with `absent_ok`, of those columns that it has."""
    # Buffering ahead would hold the whole file, not one row group.
    with pq.ParquetFile(stream, pre_buffer=False) as file:
        names = _columns_present(file, columns) if absent_ok else _checked_columns(file, columns)
        for batch in file.iter_batches(batch_size=batch_rows, columns=names):
            yield batch if names is None else batch.select(names)


def _columns_present(file: pq.ParquetFile, columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else [name for name in columns if name in file.schema_arrow.names]


def _checked_columns(file: pq.ParquetFile, columns: Sequence[str] | None) -> list[str] | None:
    if columns is None:
        return None
    absent = sorted(set(columns) - set(file.schema_arrow.names))
    if absent:  # pyarrow would leave them out without a word
        raise DataError(
            f"the Parquet file has no column {', '.join(map(repr, absent))}", "ask for columns that its schema names"
        )
    return list(columns)


def _without_pandas(table: pa.Table) -> pa.Table:
    metadata = {key: value for key, value in (table.schema.metadata or {}).items() if key != b"pandas"}
    return table.replace_schema_metadata(metadata or None)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind))


def _is_payload(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(_is_payload(field.type) for field in kind)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
