"""Column types by name: the few a table may have in the end, and how two of them join.

`null` (no value seen) joins to the other; int64 with float64 is float64; date32 with timestamp is timestamp;
any other two are read as text. Nested types of Parquet files are kept as they are and join only with themselves.
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

_NAMED: dict[str, pa.DataType] = {
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
# Inside a list or struct the width is kept: a waveform of float32 would double in size for nothing.
_WIDTHS: dict[str, pa.DataType] = {
    "float32": pa.float32(),
    **{f"{sign}int{bits}": getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32)},
    "uint64": pa.uint64(),
}
_WIDER = {frozenset({"int64", "float64"}): "float64", frozenset({"date32", "timestamp"}): "timestamp"}
# What holds no values that can be told apart and counted as text, by how the names of the types begin.
_NOT_PLAIN = {"list<": "lists", "struct<": "structures", "binary": "bytes", "payload": "pictures", "boxes": "boxes"}
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z0-9]+|[<>,:]')


def join(one: str, other: str) -> str:
    """The narrowest type that holds the values of both."""
    if "null" in (one, other):
        return other if one == "null" else one
    if "list<null>" in (one, other) and one.startswith("list<") and other.startswith("list<"):
        return other if one == "list<null>" else one
    return one if one == other else _WIDER.get(frozenset({one, other}), "string")


def name_of(kind: pa.DataType, column: str = "") -> str:
    """The name of the type that a value of `kind` has in the end. Raises DataError for kinds no table may hold."""
    for name, named in _NAMED.items():
        if kind == named:
            return name
    if kinds.is_dictionary(kind):
        return name_of(kind.value_type, column)
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        return f"list<{_inner(kind.value_type, column)}>"
    if kinds.is_struct(kind):
        return "struct<" + ",".join(f"{json.dumps(one.name)}:{_inner(one.type, column)}" for one in kind) + ">"
    return _plain(kind, column)


def refuse_not_plain(named: Mapping[str, str | None], types: Mapping[str, str]) -> None:
    """Raise DataError where a column holds no plain values. `named`: what a policy needs it for -> the column."""
    odd = [
        f"{role} column {column!r} holds {what}"
        for role, column in named.items()
        for start, what in _NOT_PLAIN.items()
        if column is not None and types[column].startswith(start)
    ]
    if odd:
        raise DataError("; ".join(odd), "Name a column of text, numbers, booleans or dates.")


@lru_cache(maxsize=512)
def arrow_of(name: str) -> pa.DataType:
    """The Arrow type called `name`; the inverse of `name_of`."""
    if name in _NAMED:
        return _NAMED[name]
    tokens = _TOKEN.findall(name)
    if "".join(tokens) != name:
        raise ValueError(f"not a column type: {name!r}")
    return _parsed(tokens)


def _plain(kind: pa.DataType, column: str) -> str:
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


def _inner(kind: pa.DataType, column: str) -> str:
    narrow = next((name for name, one in _WIDTHS.items() if one == kind), None)
    return narrow or name_of(kind, column)


def _parsed(tokens: list[str]) -> pa.DataType:
    head = tokens.pop(0)
    if head == "list":
        tokens.pop(0)
        inner = _parsed(tokens)
        tokens.pop(0)
        return pa.list_(inner)
    if head != "struct":
        return _NAMED[head] if head in _NAMED else _WIDTHS[head]
    fields = []
    while tokens.pop(0) != ">":
        if tokens[0] == ">":
            continue
        name = json.loads(tokens.pop(0))
        tokens.pop(0)
        fields.append(pa.field(name, _parsed(tokens)))
    return pa.struct(fields)
