"""JSON lines: one object per line.

Types are those of JSON: a text stays a text, even if it looks like a number. A list of numbers or of texts is a list
column; any other nesting is stored as JSON text, and so are integers beyond 64 bits. A line that is not an object in
UTF-8 is a fault with its row number. Empty lines are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from augmill.policies.errors import DataError
from augmill.policies.schema import Policy
from augmill.tasks.sources.chunks import ReadOptions, typed
from augmill.tasks.sources.column_types import arrow_of, join
from augmill.tasks.sources.source_contract import Chunk, Fault, Scan, SourceListing, SourceObject, Unit, lacking
from augmill.tasks.sources.verified_reader import opened
from augmill.tasks.sources.work_units import grouped

BLOCK_BYTES = 4 * 2**20
MAX_LINE_BYTES = 64 * 2**20
Record = dict[str, Any]


@dataclass
class _Block:
    """The objects of some lines, their row numbers, and the faults of the other lines."""

    records: list[Record] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def values(self, name: str) -> list[Any]:
        """One value per record; None for a record without one."""
        return [record.get(name) for record in self.records]


def units(listing: SourceListing, policy: Policy, unit_bytes: int) -> list[Unit]:
    """Files, small ones in groups."""
    del policy
    return grouped("jsonl", listing.objects, unit_bytes)


def scan(unit: Unit, policy: Policy) -> Scan:
    """Find the types from every value of every line."""
    del policy
    columns: dict[str, str] = {}
    having: dict[str, set[str]] = {}
    rows = faults = 0
    for source in unit.objects:
        for block in _blocks(source):
            rows, faults = rows + len(block.rows), faults + len(block.faults)
            names = dict.fromkeys(name for record in block.records for name in record)
            if block.records:
                having.setdefault(source.name, set()).update(names)
            for name in names:
                columns[name] = join(columns.get(name, "null"), _type_of(block.values(name)))
    return Scan(columns, rows, faults, lacking(columns, having))


def read(unit: Unit, options: ReadOptions) -> Iterator[Chunk]:
    """Rows in final types; values that do not fit become faults."""
    for source in unit.objects:
        for block in _blocks(source):
            columns = {name: _array(block.values(name), kind) for name, kind in options.types.items()}
            chunk = typed(columns, np.array(block.rows, dtype=np.int64), source, options)
            faults = options.treatment.faults(block.faults) + chunk.faults
            yield Chunk(chunk.table, sorted(faults, key=lambda fault: fault.row))


def _blocks(source: SourceObject) -> Iterator[_Block]:
    with opened(source) as handle:
        row = 0
        for lines in _line_blocks(handle.stream, source.name):
            block = _Block()
            for line in lines:
                if line.strip():
                    _parse(line, row, source, block)
                    row += 1
            handle.check()
            yield block


def _line_blocks(stream: BinaryIO, name: str) -> Iterator[list[bytes]]:
    rest = stream.read(3).removeprefix(b"\xef\xbb\xbf")
    while data := stream.read(BLOCK_BYTES):
        complete, newline, tail = data.rpartition(b"\n")
        if newline:
            yield (rest + complete).split(b"\n")
            rest = tail
        else:
            rest += data
        if len(rest) > MAX_LINE_BYTES:
            raise DataError(
                f"{name} has a line longer than {MAX_LINE_BYTES >> 20} MiB",
                "write one object per line (`jq -c '.[]'` makes lines of an array)",
            )
    yield rest.split(b"\n")


def _parse(line: bytes, row: int, source: SourceObject, block: _Block) -> None:
    try:
        record = json.loads(line.decode())
        reason = "" if isinstance(record, dict) else "the line is not a JSON object"
        if rb"\ud" in line.lower():
            json.dumps(record, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        reason = "the line is not UTF-8"
    except UnicodeEncodeError:
        reason = "the line holds half of a surrogate pair, which is no text"
    except (ValueError, RecursionError) as error:
        reason = f"the line is not JSON ({error})"
    if reason:
        block.faults.append(Fault.at(source, row, reason, line.decode(errors="replace")))
    else:
        block.records.append(record)
        block.rows.append(row)


def _type_of(values: Iterable[Any]) -> str:
    kind = "null"
    for value in values:
        kind = join(kind, _value_type(value))
        if kind == "string":
            break
    return kind


def _value_type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int64" if -(2**63) <= value < 2**63 else "string"
        case float():
            return "float64"
        case list():
            # All numbers in lists are float64: the type of a signal must not depend on its values.
            inner = {"float64" if kind == "int64" else kind for kind in map(_value_type, value)} - {"null"}
            plain = len(inner) <= 1 and inner <= {"float64", "string", "bool"} and not _holds_nesting(value)
            return f"list<{next(iter(inner), 'null')}>" if plain else "string"
    return "string"


def _holds_nesting(values: list[Any]) -> bool:
    return any(isinstance(value, list | dict) for value in values)


def _array(values: list[Any], kind: str) -> pa.Array:
    """The values unchanged, or as texts if they have several types or `kind` is text."""
    own = "string" if kind == "string" else _type_of(values)
    if own == "string":
        return pa.array([_text(value) for value in values], pa.string())
    if own == "float64":
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array(values, arrow_of(own))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
