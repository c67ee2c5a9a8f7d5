"""Delimited text with a header: commas, or tabs, semicolons or bars if the header has more of those.

It is read as text block by block; types come from a scan of every value, never from the first rows. A line that is
incomplete, has the wrong number of fields or is not UTF-8 is a fault with its row number. Empty lines are skipped.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augmill.policies.errors import DataError
from augmill.policies.schema import Policy
from augmill.tasks.sources.chunks import ReadOptions, typed
from augmill.tasks.sources.source_contract import Chunk, Fault, Scan, SourceListing, SourceObject, Unit, lacking
from augmill.tasks.sources.utf8_stream import Utf8Stream, unescape, unescape_column
from augmill.tasks.sources.values import blanked, fit, text_type
from augmill.tasks.sources.verified_reader import Opened, opened
from augmill.tasks.sources.work_units import grouped

BLOCK_BYTES = 8 * 2**20
_HEADER_BYTES = 2**20
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = ",\t;|"

I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Some rows of an object as texts, null for missing values, and the faults up to the last of them."""

    texts: dict[str, pa.Array]
    rows: I64
    faults: list[Fault]


@dataclass(frozen=True)
class Header:
    """Column names, the delimiter, and the position in the object (bytes) where the rows begin."""

    names: tuple[str, ...]
    delimiter: str
    end: int

    def empty(self) -> dict[str, pa.Array]:
        """The columns without a row."""
        return {name: pa.array([], pa.string()) for name in self.names}


def units(listing: SourceListing, policy: Policy, unit_bytes: int) -> list[Unit]:
    """Files, small ones in groups."""
    del policy
    return grouped("csv", listing.objects, unit_bytes)


def scan(unit: Unit, policy: Policy) -> Scan:
    """Find the types from every value of every column."""
    columns: dict[str, str] = {}
    having: dict[str, list[str]] = {}
    rows = faults = 0
    for source in unit.objects:
        for block in blocks(source, policy.source.missing):
            rows, faults = rows + len(block.rows), faults + len(block.faults)
            if len(block.rows):
                having[source.name] = list(block.texts)
            for name, texts in block.texts.items():
                columns[name] = text_type(texts, columns.get(name, "null"))
    return Scan(columns, rows, faults, lacking(columns, having))


def read(unit: Unit, options: ReadOptions) -> Iterator[Chunk]:
    """Rows in final types; values that do not fit become faults."""
    for source in unit.objects:
        for block in blocks(source, options.policy.source.missing):
            chunk = typed(block.texts, block.rows, source, options)
            faults = options.treatment.faults(block.faults) + chunk.faults
            yield Chunk(chunk.table, sorted(faults, key=lambda fault: fault.row))


def blocks(source: SourceObject, missing: tuple[str, ...]) -> Iterator[Block]:
    """The rows of one object as texts. Raises DataError if it has no usable header, or changes during reading."""
    with opened(source) as handle:
        if source.bytes == 0:
            return
        header = header_of(handle.stream, source.name)
        yield Block(header.empty(), np.zeros(0, dtype=np.int64), [])
        for block in _Rows(source, header, missing).blocks(handle):
            handle.check()
            yield block


def header_of(stream: BinaryIO, name: str) -> Header:
    """The first record of a file. Raises DataError if a column has no name, or two have the same name."""
    head = stream.read(_HEADER_BYTES)
    if head.startswith(_UTF16_MARKS):
        raise DataError(f"{name} is UTF-16, not UTF-8", "save it as UTF-8 and run again")
    end = len(_UTF8_MARK) if head.startswith(_UTF8_MARK) else 0
    record = b""
    for line in head[end:].splitlines(keepends=True):
        end += len(line)
        record += line
        # A quoted name may hold line breaks; the record ends where its quotes are paired.
        if record.strip() and record.count(b'"') % 2 == 0:
            return _parse_header(record, end, name)
    raise DataError(f"{name} has no header line that ends", "the first line must name the columns; see its quotes")


def _parse_header(record: bytes, end: int, name: str) -> Header:
    try:
        text = record.decode().strip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"the header of {name} is not UTF-8", "save the file as UTF-8 and run again") from error
    unquoted = re.sub(r'"[^"]*"', "", text)
    delimiter = max(_DELIMITERS, key=unquoted.count)  # with equal counts, the first of them
    names = tuple(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))
    if "" in names:
        raise DataError(
            f"column {names.index('') + 1} of {name} has no name",
            "name it in the header (pandas writes such a column for its index; to_csv(index=False) does not)",
        )
    repeated = sorted({column for column in names if names.count(column) > 1})
    if repeated:
        raise DataError(f"{name} has several columns called {', '.join(map(repr, repeated))}", "rename all but one")
    return Header(names, delimiter, end)


class _Rows:
    """Counts rows over Arrow's blocks, so that valid rows and faults both have their row number."""

    def __init__(self, source: SourceObject, header: Header, missing: tuple[str, ...]) -> None:
        self._source, self._header, self._missing = source, header, missing
        self._next = 0
        self._torn: list[Fault] = []
        self._undecodable = False

    def blocks(self, handle: Opened) -> Iterator[Block]:
        handle.stream.seek(self._header.end)
        pending: pa.RecordBatch | None = None
        for batch in self._batches(handle.stream):
            if pending is not None:
                yield self._block(pending)
            pending = batch
        if pending is not None and self._is_unclosed(pending, handle.stream):
            complete, last = pending.slice(0, pending.num_rows - 1), pending.slice(pending.num_rows - 1)
            block = self._block(complete)
            yield block
            self._never_closed(self._next, _line(last, self._header.delimiter))
        elif pending is not None:
            yield self._block(pending)
        if self._torn:
            yield Block(self._header.empty(), np.zeros(0, dtype=np.int64), self._torn)

    def _batches(self, stream: BinaryIO) -> Iterator[pa.RecordBatch]:
        from pyarrow import csv as arrow_csv

        names = list(self._header.names)
        if stream.tell() == self._source.bytes:
            return
        # Arrow decodes the text of an invalid row before it calls the handler, and cannot raise an error there.
        utf8 = Utf8Stream(stream)
        try:
            reader = arrow_csv.open_csv(
                pa.PythonFile(utf8, mode="r"),
                # Only a single thread numbers the invalid rows.
                read_options=arrow_csv.ReadOptions(column_names=names, block_size=BLOCK_BYTES, use_threads=False),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=self._header.delimiter, newlines_in_values=True, invalid_row_handler=self._on_torn
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types={name: pa.binary() for name in names}, strings_can_be_null=False
                ),
            )
            for batch in reader:
                yield _restored(batch) if utf8.has_escapes else batch
        except pa.ArrowInvalid as error:
            if self._undecodable:
                raise DataError(
                    f"{self._source.name} has a row after row {self._next} that is not UTF-8 and has the wrong number"
                    " of fields",
                    "the file may be damaged: copy it again, or save it as UTF-8, and run again",
                ) from error
            raise DataError(
                f"{self._source.name} cannot be cut into rows after row {self._next} ({error})",
                f"look for a quote that is never closed; a row may hold {BLOCK_BYTES >> 20} MiB at most",
            ) from error

    def _on_torn(self, row: Any) -> str:
        try:
            text = unescape(row.text.encode()).decode()
        except UnicodeDecodeError:
            self._undecodable = True
            return "error"
        if text.count('"') % 2:
            self._never_closed(row.number - 1, text)
        else:
            reason = f"expected {row.expected_columns} fields, got {row.actual_columns}"
            self._torn.append(Fault.at(self._source, row.number - 1, reason, text))
        return "skip"

    def _never_closed(self, row: int, text: str) -> None:
        # Everything after an open quote is read as one field; each of its lines was probably a row, and is counted.
        for number, line in enumerate(text.splitlines() or [text]):
            self._torn.append(Fault.at(self._source, row + number, "a quote is opened and never closed", line))

    def _is_unclosed(self, last: pa.RecordBatch, stream: BinaryIO) -> bool:
        value: bytes = last.column(last.num_columns - 1)[-1].as_py().replace(b'"', b'""')
        tail = b'"' + value
        stream.seek(max(0, self._source.bytes - len(tail) - 1))
        end = stream.read()
        # A quoted empty field ends like an empty field with an unclosed quote.
        return end.endswith(tail) and not (value == b"" and end.endswith(b'""'))

    def _block(self, batch: pa.RecordBatch) -> Block:
        rows = self._numbered(batch.num_rows)
        faults = [fault for fault in self._torn if fault.row < self._next]
        self._torn = [fault for fault in self._torn if fault.row >= self._next]
        texts: dict[str, pa.Array] = {}
        bad: dict[int, str] = {}
        for name, raw in zip(self._header.names, batch.columns, strict=True):
            texts[name], positions = fit(raw, "string")
            bad |= {int(position): name for position in positions}
        if bad:
            faults += [self._not_utf8(batch, at, int(rows[at]), name) for at, name in sorted(bad.items())]
            keep = np.ones(len(rows), dtype=np.bool_)
            keep[list(bad)] = False
            texts, rows = {name: column.filter(pa.array(keep)) for name, column in texts.items()}, rows[keep]
        return Block({name: blanked(column, self._missing) for name, column in texts.items()}, rows, faults)

    def _numbered(self, count: int) -> I64:
        """The numbers of the next `count` valid rows: those that no broken row has."""
        torn = [fault.row for fault in self._torn]
        rows = np.arange(self._next, self._next + count + len(torn))
        if torn:
            rows = np.setdiff1d(rows, torn)
        self._next = int(rows[count - 1]) + 1 if count else self._next
        return rows[:count]

    def _not_utf8(self, batch: pa.RecordBatch, position: int, row: int, name: str) -> Fault:
        line = _line(batch.slice(position, 1), self._header.delimiter)
        return Fault.at(self._source, row, f"column {name!r} is not UTF-8", line)


def _line(row: pa.RecordBatch, delimiter: str) -> str:
    return delimiter.join(column[0].as_py().decode(errors="replace") for column in row.columns)


def _restored(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([unescape_column(column) for column in batch.columns], schema=batch.schema)
