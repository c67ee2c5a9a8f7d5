"""Conditions are read as SQL reads them, and what cannot be read is said, never guessed or evaluated."""

import duckdb
import pyarrow as pa
import pytest

from augmill.policies.errors import PolicyError
from augmill.tasks.rows.predicate import (
    EQUAL,
    ORDERED,
    columns,
    equalities,
    mask,
    parse,
    refuse_other_kinds,
    refuse_unknown,
    shape,
)

ROWS = pa.table(
    {
        "id": [17, 18, None, 19, 20],
        "city": ["Ulm", "Bonn", None, "O'Hara", "ulm"],
        "age": [1.5, 2.0, 3.0, None, -4.0],
        "ok": [True, False, None, True, False],
        "two words": [1, 2, 3, 4, 5],
    }
)
CONDITIONS = [
    "id = 17",
    "id <> 17",
    "id != 17 and age > 1",
    "id in (17, 18, 99) or city is null",
    "id not in (17, 18)",
    "not (id = 17 or age >= 2)",
    "age is not null and not age < 2.5",
    "city = 'O''Hara'",
    "city > 'C' and city <= 'Ulm'",
    "age = -4",
    "id > 17.5 and id < 1.9e1",
    "ok = true",
    "ok = false or id = 17 and age = 2",
    '"two words" = 3',
    "NOT id IS NULL AND id IN (20)",
    "id = +17 or id = 018 or id = 19.0",
    "age = 2 or age = +1.5",
]


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_means_the_rows_that_a_database_takes(text):
    connection = duckdb.connect()
    connection.register("rows", ROWS)
    wanted = connection.sql(f'select "two words" from rows where {text} order by 1').fetchall()
    got = ROWS.filter(mask(parse(text), ROWS))["two words"].to_pylist()
    assert got == [number for (number,) in wanted]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at its end: a column is missing"),
        ("id", "a sign such as =, or in, or is is missing"),
        ("id =", "at its end: a value is missing"),
        ("id = 17 city = 'x'", "at \"city = 'x'\": and, or, or the end is missing"),
        ("id in ()", "a value: a number"),
        ("id in (1, 2", "at its end: ) is missing"),
        ("id is 3", "null is missing"),
        ("id not = 3", "a sign such as"),
        ("id = 'open", "is missing"),
        ("id = 17; drop table x", "a column, a value or a sign is missing"),
        ("__import__('os').system('true')", "is missing"),
        ("id = id", "a value: a number"),
    ],
)
def test_what_is_no_condition_is_refused_with_the_place(text, words):
    with pytest.raises(PolicyError) as caught:
        mask(parse(text), ROWS)
    assert words in caught.value.cause


@pytest.mark.parametrize("text", ["(" * 3000 + "id = 17" + ")" * 3000, "not " * 3000 + "id = 17"])
def test_what_is_nested_without_end_is_refused(text):
    with pytest.raises(PolicyError, match="more than 50 brackets and nots"):
        parse(text)
    shallow = parse("(" * 20 + "not not id = 17" + ")" * 20)
    assert mask(shallow, ROWS).to_pylist() == [True, False, False, False, False]


def test_a_value_of_another_kind_and_a_column_that_is_not_there_are_refused():
    kinds = {name: [ROWS.schema.field(name).type] for name in ROWS.column_names}
    with pytest.raises(PolicyError, match="column 'id' holds int64 values, and 'abc' is none"):
        refuse_other_kinds(parse("age > 1 or id = 'abc'"), kinds, EQUAL)
    refuse_other_kinds(parse("age > 1 or id = 'abc'"), kinds, ORDERED)
    with pytest.raises(PolicyError, match="'x' is none"):
        refuse_other_kinds(parse("id < 'x'"), kinds, ORDERED)
    refuse_other_kinds(parse("id < 'x'"), kinds | {"id": [pa.int64(), pa.string()]}, ORDERED)
    with pytest.raises(PolicyError, match="Did you mean city"):
        refuse_unknown(parse("id = 1 and citi = 'Ulm'"), ROWS.column_names)
    refuse_unknown(parse("id = 1"), ROWS.column_names)


def test_no_row_has_a_value_that_its_column_cannot_hold():
    """A column may have held numbers in one version and holds texts in another: both are asked."""
    for text in ("id = 'abc'", "id != 'abc'", "not id = 'abc'", "id > 'abc'", "id = 1e999"):
        assert not any(mask(parse(text), ROWS).to_pylist()), text
    assert mask(parse("id = 'abc' or id = 17"), ROWS).to_pylist() == [True, False, False, False, False]


@pytest.mark.parametrize("text", ["'2020-01-04'", "'2020-01-04 00:00:00'", "'2020-01-04T00:00:00Z'"])
def test_a_time_may_be_given_without_a_zone(text):
    times = pa.table({"at": pa.array([1578096000000000, 1578099600000000], pa.timestamp("us", "UTC"))})
    assert mask(parse(f"at = {text}"), times).to_pylist() == [True, False]
    assert mask(parse(f"at > {text}"), times).to_pylist() == [False, True]


def test_a_table_without_the_column_has_no_value_there():
    bare = ROWS.drop_columns(["city"])
    assert mask(parse("city = 'Ulm'"), bare).to_pylist() == [False] * 5
    assert mask(parse("not city = 'Ulm'"), bare).to_pylist() == [False] * 5
    assert mask(parse("city is null"), bare).to_pylist() == [True] * 5


def test_the_shape_holds_no_value():
    text = "id = 17 and (city in ('Ulm', 'Bonn') or not age is null)"
    assert shape(parse(text)) == "id = ? and (city in (2 values) or (not age is null))"
    assert columns(parse(text)) == ["id", "city", "age"]


def test_only_equal_values_can_be_asked_again():
    both = {"id": ("17", 17), "city": ("Ulm", "Ulm")}
    assert equalities(parse("id = 17 and city = 'Ulm'")) == [both]
    assert equalities(parse("id in (1, 2) or city = 'Ulm'")) == [
        {"id": ("1", 1)},
        {"id": ("2", 2)},
        {"city": ("Ulm", "Ulm")},
    ]
    assert equalities(parse("id = 1 and id = 2")) == []
    for text in ("age > 3", "id = 17 or age > 3", "not id = 17", "id is null", "id != 3"):
        assert equalities(parse(text)) is None
