"""Parquet files: types from the file, rows streamed a few pages at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa

from augmill.policies.errors import DataError
from augmill.policies.schema import Policy
from augmill.tasks.sources.chunks import ReadOptions, typed
from augmill.tasks.sources.column_types import join, name_of
from augmill.tasks.sources.source_contract import Chunk, Scan, SourceListing, SourceObject, Unit, lacking
from augmill.tasks.sources.verified_reader import Opened, opened
from augmill.tasks.sources.work_units import grouped

# Read window per column: small enough that a large row group is never completely in memory.
_WINDOW_BYTES = 2**20
_BATCH_ROWS = 65_536


def units(listing: SourceListing, policy: Policy, unit_bytes: int) -> list[Unit]:
    """Files, small ones in groups."""
    del policy
    return grouped("parquet", listing.objects, unit_bytes)


def scan(unit: Unit, policy: Policy) -> Scan:
    """Types and counts from the files' footers."""
    del policy
    columns: dict[str, str] = {}
    having: dict[str, list[str]] = {}
    rows = 0
    for source in unit.objects:
        with _file(source) as (file, _):
            rows += file.metadata.num_rows
            if file.metadata.num_rows:
                having[source.name] = file.schema_arrow.names
            for field in file.schema_arrow:
                columns[field.name] = join(columns.get(field.name, "null"), name_of(field.type, field.name))
    return Scan(columns, rows, lacking=lacking(columns, having))


def read(unit: Unit, options: ReadOptions) -> Iterator[Chunk]:
    """Rows in final types; values that do not fit become faults."""
    for source in unit.objects:
        yield from _chunks(source, options)


def _chunks(source: SourceObject, options: ReadOptions) -> Iterator[Chunk]:
    with _file(source) as (file, handle):
        start = 0
        names = [name for name in file.schema_arrow.names if name in options.types]
        batch_rows = min(options.shard_rows, _BATCH_ROWS, _rows_within(file, options.shard_bytes))
        for batch in file.iter_batches(batch_rows, columns=names):
            handle.check()
            rows = np.arange(start, start + batch.num_rows)
            start += batch.num_rows
            columns = {name: _as_valid_text(column) for name, column in zip(names, batch.columns, strict=True)}
            yield typed(columns, rows, source, options)


def _as_valid_text(column: pa.Array) -> pa.Array:
    """The column, as bytes if it is a text column that is not UTF-8: Arrow does not check this when it reads."""
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    if not pa.types.is_string(plain.type):
        return plain
    try:
        plain.validate(full=True)
    except pa.ArrowInvalid:
        return plain.view(pa.binary())
    return plain


@contextmanager
def _file(source: SourceObject) -> Iterator[tuple[Any, Opened]]:
    import pyarrow.parquet as pq

    with opened(source) as handle:
        try:
            file = pq.ParquetFile(pa.PythonFile(handle.stream, mode="r"), buffer_size=_WINDOW_BYTES, pre_buffer=False)
            _check_names(file.schema_arrow.names, source.name)
            yield file, handle
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise DataError(
                f"{source.name} is damaged or not a Parquet file ({str(error).splitlines()[0][:200]})",
                "write the file again, or set source.format to what it is",
            ) from error


def _check_names(names: Sequence[str], file: str) -> None:
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise DataError(f"{file} has several columns called {', '.join(map(repr, repeated))}", "rename all but one")


def _rows_within(file: Any, shard_bytes: int) -> int:
    metadata = file.metadata
    size: int = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    return max(1, shard_bytes * max(1, int(metadata.num_rows)) // max(1, size))
