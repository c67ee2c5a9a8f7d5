"""Column types by name: the final types that a table may have, and how two of them join.

`null` (no value yet) joins to the other type; int64 with float64 is float64; date32 with timestamp is timestamp;
any other two are read as text. Nested types of Parquet files stay unchanged and join only with themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.types as kinds

from augmill.policies.errors import DataError
from augmill.tasks.rows.provenance import BOXES_TYPE, PAYLOAD_TYPE

_TYPES: dict[str, pa.DataType] = {
    "null": pa.null(),
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "date32": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "binary": pa.binary(),
    "payload": PAYLOAD_TYPE,
    "boxes": BOXES_TYPE,
}
# Inside a list or struct the width stays the same: as float64, a waveform of float32 would double in size.
_WIDTHS: dict[str, pa.DataType] = {
    "float32": pa.float32(),
    **{f"{sign}int{bits}": getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32)},
    "uint64": pa.uint64(),
}
_WIDER = {frozenset({"int64", "float64"}): "float64", frozenset({"date32", "timestamp"}): "timestamp"}
# Types whose values cannot be compared and counted as text, by the beginning of their names.
_NOT_PLAIN = {"list<": "lists", "struct<": "structures", "binary": "bytes", "payload": "pictures", "boxes": "boxes"}
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z0-9]+|[<>,:]')


def join(first: str, second: str) -> str:
    """The narrowest type that holds the values of both."""
    if "null" in (first, second):
        return second if first == "null" else first
    if "list<null>" in (first, second) and first.startswith("list<") and second.startswith("list<"):
        return second if first == "list<null>" else first
    return first if first == second else _WIDER.get(frozenset({first, second}), "string")


def name_of(kind: pa.DataType, column: str = "") -> str:
    """The name of the final type of values of `kind`. Raises DataError for types that no table may hold."""
    for name, known_type in _TYPES.items():
        if kind == known_type:
            return name
    if kinds.is_dictionary(kind):
        return name_of(kind.value_type, column)
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        return f"list<{_inner_name(kind.value_type, column)}>"
    if kinds.is_struct(kind):
        return (
            "struct<" + ",".join(f"{json.dumps(field.name)}:{_inner_name(field.type, column)}" for field in kind) + ">"
        )
    return _scalar_name(kind, column)


def refuse_not_plain(columns: Mapping[str, str | None], types: Mapping[str, str]) -> None:
    """Raise DataError if a column holds no plain values. `columns`: its role in the policy -> the column."""
    odd = [
        f"{role} column {column!r} holds {what}"
        for role, column in columns.items()
        for start, what in _NOT_PLAIN.items()
        if column is not None and types[column].startswith(start)
    ]
    if odd:
        raise DataError("; ".join(odd), "Name a column of text, numbers, booleans or dates.")


@lru_cache(maxsize=512)
def arrow_of(name: str) -> pa.DataType:
    """The Arrow type called `name`; the inverse of `name_of`."""
    if name in _TYPES:
        return _TYPES[name]
    tokens = _TOKEN.findall(name)
    if "".join(tokens) != name:
        raise ValueError(f"not a column type: {name!r}")
    return _parse_tokens(tokens)


def _scalar_name(kind: pa.DataType, column: str) -> str:
    tests: tuple[tuple[Any, str], ...] = (
        (kinds.is_integer, "int64"),
        (kinds.is_floating, "float64"),
        (kinds.is_decimal, "float64"),
        (kinds.is_timestamp, "timestamp"),
        (kinds.is_date, "date32"),
        (kinds.is_time, "string"),
    )
    for test, name in tests:
        if test(kind):
            return name
    if kind in (pa.large_string(), pa.string_view()):
        return "string"
    if kind in (pa.large_binary(), pa.binary_view()) or kinds.is_fixed_size_binary(kind):
        return "binary"
    raise DataError(
        f"column {column!r} is of type {kind}, which a published table cannot hold",
        "cast it to numbers, text, dates or lists of them, or leave it out of the source",
    )


def _inner_name(kind: pa.DataType, column: str) -> str:
    narrow = next((name for name, width_type in _WIDTHS.items() if width_type == kind), None)
    return narrow or name_of(kind, column)


def _parse_tokens(tokens: list[str]) -> pa.DataType:
    head = tokens.pop(0)
    if head == "list":
        tokens.pop(0)
        inner = _parse_tokens(tokens)
        tokens.pop(0)
        return pa.list_(inner)
    if head != "struct":
        return _TYPES[head] if head in _TYPES else _WIDTHS[head]
    fields = []
    while tokens.pop(0) != ">":
        if tokens[0] == ">":
            continue
        name = json.loads(tokens.pop(0))
        tokens.pop(0)
        fields.append(pa.field(name, _parse_tokens(tokens)))
    return pa.struct(fields)
