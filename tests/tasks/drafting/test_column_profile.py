from __future__ import annotations

import math

import pyarrow as pa

from augmill.tasks.drafting.column_profile import MAX_VALUES, ColumnProfile


def looked(kind: str, *batches: list) -> ColumnProfile:
    column = ColumnProfile("c", kind)
    for batch in batches:
        column.add(pa.chunked_array([pa.array(batch)]))
    return column


def test_bounds_are_of_finite_numbers_and_missing_ones_are_counted() -> None:
    column = looked("float64", [1.5, None, math.nan], [math.inf, -2.0])
    assert (column.low, column.high) == (-2.0, 1.5)
    assert (column.rows, column.nulls, column.infinite) == (5, 2, 1)


def test_a_running_number_counts_up_even_if_it_starts_anew() -> None:
    assert looked("int64", [*range(1, 12), *range(1, 30)], [*range(30, 60)]).counts_up
    assert not looked("int64", [3, 1, 2] * 20).counts_up
    assert not looked("int64", list(range(0, 400, 10))).counts_up
    assert not looked("int64", [1, 2, 3]).counts_up


def test_distinct_share_is_of_rows_with_a_value() -> None:
    assert looked("string", ["a", "b", "a", None], ["c"]).distinct_share == 0.75
    assert looked("string", []).distinct_share == 0.0


def test_values_are_complete_or_not_kept() -> None:
    assert looked("string", ["b", "a"], ["a"]).values == {"a", "b"}
    many = looked("int64", list(range(MAX_VALUES + 1)))
    assert many.many
    assert not many.values
