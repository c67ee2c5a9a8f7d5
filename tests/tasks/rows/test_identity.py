"""Ids come from content: not from position, not from the order or the types of columns."""

import numpy as np
import pyarrow as pa
import pytest

from augmill.tasks.rows.identity import by_id, child_words, content_words, ids_of, with_occurrence, words_of

TABLE = pa.table({"a": [1, 2, 2], "b": [0.5, -1.0, -1.0], "c": ["x", None, None], "d": [True, False, False]})
COLUMNS = ["a", "b", "c", "d"]


def test_equal_rows_have_equal_words_and_different_rows_do_not() -> None:
    words = content_words(TABLE, COLUMNS)
    assert (words[1] == words[2]).all()
    assert (words[0] != words[1]).all()


def test_the_order_of_rows_and_columns_does_not_matter() -> None:
    turned = TABLE.take(pa.array([2, 0, 1])).select(["d", "c", "b", "a"])
    assert (content_words(turned, ["d", "c", "b", "a"]) == content_words(TABLE, COLUMNS)[[2, 0, 1]]).all()


def test_an_absent_column_equals_one_that_is_all_null() -> None:
    wider = TABLE.append_column("e", pa.nulls(3, pa.string()))
    assert (content_words(wider, [*COLUMNS, "e"]) == content_words(TABLE, COLUMNS)).all()


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.float32(), pa.float64()])
def test_the_width_of_a_number_does_not_matter(kind: pa.DataType) -> None:
    there = content_words(pa.table({"a": pa.array([1, 2, 2]).cast(kind)}), ["a"])
    assert (there == content_words(TABLE, ["a"])).all()


def test_integers_beyond_the_floats_are_told_apart() -> None:
    big = pa.table({"a": [2**53, 2**53 + 1]})
    words = content_words(big, ["a"])
    assert (words[0] != words[1]).all()


def test_minus_zero_is_zero_and_every_nan_is_one_value() -> None:
    odd = np.array([0x7FF8000000000001, 0x7FF8000000000000], dtype=np.uint64).view(np.float64)
    words = content_words(pa.table({"a": [0.0, -0.0, *odd]}), ["a"])
    assert (words[0] == words[1]).all()
    assert (words[2] == words[3]).all()


def test_swapping_two_columns_values_changes_the_row() -> None:
    one = content_words(pa.table({"a": ["p"], "b": ["q"]}), ["a", "b"])
    other = content_words(pa.table({"a": ["q"], "b": ["p"]}), ["a", "b"])
    assert (one != other).all()


def test_a_payload_is_its_bytes_whatever_its_path() -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = pa.table({"image": pa.array([{"bytes": b"1", "path": "x"}, {"bytes": b"1", "path": "y"}], kind)})
    words = content_words(rows, ["image"])
    assert (words[0] == words[1]).all()


def test_ids_and_words_are_inverse() -> None:
    words = content_words(TABLE, COLUMNS)
    ids = ids_of(words)
    assert [len(text) for text in ids.to_pylist()] == [32, 32, 32]
    assert (words_of(ids) == words).all()


def test_words_of_ids_that_lie_in_pieces_and_slices() -> None:
    words = content_words(pa.table({"a": np.arange(9)}), ["a"])
    ids = ids_of(words)
    pieces = pa.chunked_array([ids.slice(2, 3), ids.slice(7, 1), ids.slice(0, 0)])
    assert (words_of(pieces) == words[[2, 3, 4, 7]]).all()
    assert (words_of(ids.slice(4, 2)) == words[4:6]).all()
    assert (words_of(ids.to_pylist()) == words).all()
    assert words_of([]).shape == words_of(pa.array([], pa.string())).shape == (0, 2)


def test_sorting_by_id_is_sorting_by_its_text() -> None:
    ids = ids_of(content_words(pa.table({"a": np.arange(1000)}), ["a"]))
    rows = pa.table({"sample_id": pa.chunked_array([ids.slice(600), ids.slice(0, 600)]), "a": np.arange(1000)})
    assert by_id(rows, "sample_id").equals(rows.sort_by("sample_id"))


def test_a_row_keeps_its_words_wherever_it_lies_in_a_long_table() -> None:
    values = pa.array([None if number % 7 == 0 else number % 5 for number in range(20_000)])
    words = content_words(pa.table({"a": values}), ["a"])
    short = content_words(pa.table({"a": values.slice(0, 35)}), ["a"])
    assert (words == short[np.arange(20_000) % 35]).all()


def test_identical_rows_are_told_apart_by_their_number() -> None:
    words = content_words(TABLE, COLUMNS)[[1, 1, 1]]
    numbered = with_occurrence(words, np.array([0, 1, 2]))
    assert (numbered[0] == words[0]).all()
    assert len({row.tobytes() for row in numbered}) == 3


def test_children_differ_by_recipe_parent_and_copy() -> None:
    base = content_words(TABLE, COLUMNS)[[0, 1]]
    made = [child_words(recipe, base, np.full(2, copy)).tobytes() for recipe in ("r1", "r2") for copy in range(3)]
    assert len(set(made)) == 6


def test_a_million_rows_have_a_million_ids() -> None:
    words = content_words(pa.table({"a": np.arange(1_000_000)}), ["a"])
    assert len(np.unique(words[:, 0])) == len(np.unique(words[:, 1])) == 1_000_000
