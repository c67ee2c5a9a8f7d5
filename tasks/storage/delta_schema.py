"""Which Arrow types a Delta table can hold, and how its columns may change from one version to the next.

A new column widens the table: rows of older files read as null. A column that disappears stays, as nulls, for
as long as a file that holds it is kept. A column may change its type only in a version that keeps no older file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from augmill.policies.errors import DataError

Fields = list[dict[str, Any]]

# Delta has no unsigned integers, no half floats, no dictionaries, and keeps time in microseconds of UTC.
_NEAREST: dict[pa.DataType, pa.DataType] = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.float16(): pa.float32(),
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
    pa.date64(): pa.date32(),
    pa.null(): pa.string(),
}
_NUMBERS = (pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64())
_STORABLE = frozenset((*_NUMBERS, pa.string(), pa.binary(), pa.date32(), pa.timestamp("us", "UTC")))


def storable(table: pa.Table) -> pa.Table:
    """The table with every column in the nearest type that Delta holds; raises DataError where there is none."""
    fields = [pa.field(field.name, held_type(field.type, field.name), field.nullable) for field in table.schema]
    try:
        return table.cast(pa.schema(fields))
    except pa.ArrowInvalid as error:
        raise DataError(f"a value does not fit into the table: {error}", "convert the column in the source") from error


def held_type(kind: pa.DataType, column: str) -> pa.DataType:
    """The type in which Delta holds values of `kind`; raises DataError where there is none."""
    kind = _NEAREST.get(kind, kind)
    if kind in _STORABLE or pa.types.is_decimal128(kind):
        return kind
    if pa.types.is_dictionary(kind):
        return held_type(kind.value_type, column)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC")
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(part.name, held_type(part.type, column), part.nullable) for part in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(held_type(kind.value_type, column))
    raise DataError(f"column {column!r} has type {kind}, which Delta cannot hold", "convert it to text or a number")


def fields_of(schema: pa.Schema) -> Fields:
    """The columns in Delta's own notation."""
    from deltalake import Schema

    plain = pa.schema([field.remove_metadata() for field in schema])
    return list(json.loads(Schema.from_arrow(plain).to_json())["fields"])


def as_json(fields: Fields) -> str:
    """The notation of a Delta log's `schemaString`."""
    return json.dumps({"type": "struct", "fields": fields}, separators=(",", ":"))


def merge(old: Fields, new: Fields, partitions: Sequence[str], files_kept: bool) -> Fields:
    """The columns of the next version. Raises DataError for a change of type while older files are kept."""
    if not files_kept:
        return new
    old_by_name = {field["name"]: field for field in old}
    new_by_name = {field["name"]: field for field in new}
    for name in old_by_name.keys() & new_by_name.keys():
        if _plain(old_by_name[name]["type"]) != _plain(new_by_name[name]["type"]):
            cause = (
                f"column {name!r} was {_show(old_by_name[name]['type'])} and is now {_show(new_by_name[name]['type'])}"
            )
            remedy = "convert it back in the source, or publish a version that rewrites every file"
            raise DataError(cause, remedy, {"column": name})
    merged = [field if _stays_required(field, new_by_name, partitions) else field | {"nullable": True} for field in old]
    return merged + [field | {"nullable": True} for field in new if field["name"] not in old_by_name]


def _stays_required(field: dict[str, Any], new_by_name: dict[str, Any], partitions: Sequence[str]) -> bool:
    name = field["name"]
    return name in partitions or (name in new_by_name and not new_by_name[name]["nullable"])


def _plain(kind: Any) -> Any:
    # Whether nested values may be null does not change how they are stored.
    if isinstance(kind, dict):
        return {key: _plain(value) for key, value in kind.items() if key not in ("nullable", "containsNull")}
    return [_plain(part) for part in kind] if isinstance(kind, list) else kind


def _show(kind: Any) -> str:
    if isinstance(kind, str):
        return kind
    if kind["type"] == "array":
        return f"array<{_show(kind['elementType'])}>"
    return f"{kind['type']}<{', '.join(part['name'] for part in kind.get('fields', ()))}>"
