"""Which types a table holds, and which changes of its columns are let through."""

from __future__ import annotations

import datetime
import re

import pyarrow as pa
import pytest
from deltalake import Schema

from augmill.policies.errors import DataError
from augmill.tasks.rows.provenance import FIELDS, PAYLOAD_TYPE
from augmill.tasks.storage.delta_schema import as_json, fields_of, merge, storable

OLD = fields_of(pa.schema([pa.field("id", pa.string(), nullable=False), ("x", pa.int64()), ("split", pa.string())]))
PARTITIONS = ("split",)


def names(fields: list[dict]) -> list[tuple[str, bool]]:
    return [(field["name"], field["nullable"]) for field in fields]


@pytest.mark.parametrize(
    ("given", "held"),
    [
        (pa.array([255], pa.uint8()), pa.array([255], pa.int16())),
        (pa.array([2**32 - 1], pa.uint32()), pa.array([2**32 - 1], pa.int64())),
        (pa.array([0.5], pa.float16()), pa.array([0.5], pa.float32())),
        (pa.array(["a", None]).dictionary_encode(), pa.array(["a", None])),
        (pa.array(["a"], pa.large_string()), pa.array(["a"])),
        (pa.array([None, None]), pa.array([None, None], pa.string())),
        (pa.array([[1]], pa.large_list(pa.uint8())), pa.array([[1]], pa.list_(pa.int16()))),
        (
            pa.array([datetime.datetime(2020, 1, 1)], pa.timestamp("ns")),
            pa.array([datetime.datetime(2020, 1, 1)], pa.timestamp("us", "UTC")),
        ),
    ],
)
def test_values_go_into_the_nearest_type_that_the_table_holds(given: pa.Array, held: pa.Array) -> None:
    assert storable(pa.table({"c": given})).column("c").combine_chunks().equals(held)


@pytest.mark.parametrize("kind", [pa.uint64(), pa.time64("us"), pa.duration("s")])
def test_a_type_that_no_table_holds_is_refused_by_name(kind: pa.DataType) -> None:
    with pytest.raises(DataError, match=re.escape(f"column 'c' has type {kind}")):
        storable(pa.table({"c": pa.array([None], kind)}))


def test_what_we_publish_ourselves_is_held_as_it_is() -> None:
    schema = pa.schema([*FIELDS, pa.field("image", PAYLOAD_TYPE)])
    assert storable(schema.empty_table()).schema == schema
    assert Schema.from_json(as_json(fields_of(schema))) == Schema.from_arrow(schema)


def test_a_new_column_goes_to_the_end_and_may_be_null() -> None:
    new = fields_of(pa.schema([pa.field("z", pa.float64(), nullable=False), *_arrow()]))
    assert names(merge(OLD, new, PARTITIONS, True)) == [("id", False), ("x", True), ("split", True), ("z", True)]


def test_a_column_that_disappears_stays_and_may_be_null() -> None:
    new = fields_of(pa.schema([_arrow().field("x"), _arrow().field("split")]))
    assert names(merge(OLD, new, PARTITIONS, True)) == [("id", True), ("x", True), ("split", True)]


def test_equal_columns_in_another_order_change_nothing() -> None:
    assert merge(OLD, fields_of(pa.schema(list(reversed(list(_arrow()))))), PARTITIONS, True) == OLD


def test_nested_types_are_compared_without_their_nullability() -> None:
    old = fields_of(pa.schema([("l", pa.list_(pa.field("item", pa.int64(), nullable=False)))]))
    assert merge(old, fields_of(pa.schema([("l", pa.list_(pa.int64()))])), (), True) == old
    with pytest.raises(DataError, match="was array<long> and is now array<string>"):
        merge(old, fields_of(pa.schema([("l", pa.list_(pa.string()))])), (), True)


def test_with_no_file_kept_any_columns_will_do() -> None:
    new = fields_of(pa.schema([("x", pa.string())]))
    assert merge(OLD, new, PARTITIONS, False) == new


def _arrow() -> pa.Schema:
    return pa.schema([pa.field("id", pa.string(), nullable=False), ("x", pa.int64()), ("split", pa.string())])
