from __future__ import annotations

import itertools

import pyarrow as pa
import pytest

from augmill.policies.errors import DataError
from augmill.tasks.rows.provenance import BOXES_TYPE, PAYLOAD_TYPE
from augmill.tasks.sources.column_types import arrow_of, join, name_of

NAMES = ["null", "bool", "int64", "float64", "string", "date32", "timestamp", "binary", "payload", "list<string>"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (pa.int8(), "int64"),
        (pa.float32(), "float64"),
        (pa.decimal128(10, 2), "float64"),
        (pa.large_string(), "string"),
        (pa.string_view(), "string"),
        (pa.dictionary(pa.int8(), pa.string()), "string"),
        (pa.timestamp("ns", "UTC"), "timestamp"),
        (pa.date64(), "date32"),
        (pa.time64("us"), "string"),
        (pa.large_binary(), "binary"),
        (PAYLOAD_TYPE, "payload"),
        (BOXES_TYPE, "boxes"),
        (pa.list_(pa.float32()), "list<float32>"),
        (pa.list_(pa.int64(), 3), "list<int64>"),
        (pa.struct([("a b", pa.int16()), ('"', pa.list_(pa.string()))]), 'struct<"a b":int16,"\\"":list<string>>'),
        (pa.null(), "null"),
    ],
)
def test_every_kind_has_a_name(kind: pa.DataType, name: str) -> None:
    assert name_of(kind) == name
    assert name_of(arrow_of(name)) == name


def test_nested_kinds_come_back_from_their_names_as_they_were() -> None:
    kind = pa.struct([("x", pa.list_(pa.struct([("y", pa.uint8()), ("z", pa.bool_())]))), ("w", pa.float32())])
    assert arrow_of(name_of(kind)) == kind


def test_a_kind_no_table_may_hold_is_refused_with_its_column() -> None:
    with pytest.raises(DataError, match="column 'm' is of type map"):
        name_of(pa.map_(pa.string(), pa.int64()), "m")


def test_joining_is_associative_and_commutative() -> None:
    for one, two, three in itertools.product(NAMES, repeat=3):
        assert join(one, two) == join(two, one)
        assert join(join(one, two), three) == join(one, join(two, three))


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not a column type"):
        arrow_of("list<int64>; drop")
