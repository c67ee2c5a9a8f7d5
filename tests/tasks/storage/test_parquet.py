"""The same rows give the same bytes, whatever way the table was put together."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from augmill.tasks.storage import parquet

ROWS = 3_000
rng = np.random.default_rng(0)
TABLE = pa.table(
    {
        "id": [f"{n:064x}" for n in range(ROWS)],
        "score": pa.array([None if n % 7 == 0 else float(n) for n in range(ROWS)]),
        "count": pa.array(rng.integers(0, 5, ROWS)),
        "flag": pa.array([n % 3 == 0 for n in range(ROWS)]),
        "series": pa.array([list(range(n % 4)) for n in range(ROWS)]),
        "image": pa.array([{"bytes": rng.bytes(40), "path": None} for _ in range(ROWS)]),
    }
)
EXPECTED = parquet.encode(TABLE)


@settings(max_examples=25, deadline=None, database=None, derandomize=True)
@given(st.lists(st.integers(0, ROWS), max_size=6))
def test_chunks_do_not_show_in_the_bytes(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), ROWS]
    pieces = [TABLE.slice(start, stop - start) for start, stop in itertools.pairwise(edges)]
    assert parquet.encode(pa.concat_tables(pieces)) == EXPECTED


def test_chunks_do_not_show_where_a_dictionary_grows_too_large() -> None:
    ids = pa.table({"id": [f"{n:064x}" for n in range(60_000)]})
    pieces = [ids.slice(0, 10), ids.slice(10, 40_001), ids.slice(40_011)]
    assert parquet.encode(pa.concat_tables(pieces)) == parquet.encode(ids)


def test_a_filtered_and_restored_table_has_the_same_bytes() -> None:
    padded = pa.concat_tables([TABLE.slice(0, 5), TABLE, TABLE.slice(10, 7)])
    assert parquet.encode(padded.slice(5, ROWS)) == EXPECTED
    assert parquet.encode(padded.take(pa.array(range(5, ROWS + 5)))) == EXPECTED


def test_how_pandas_made_a_table_does_not_show() -> None:
    plain = TABLE.select(["id", "count"])
    assert parquet.encode(pa.Table.from_pandas(plain.to_pandas(), schema=plain.schema)) == parquet.encode(plain)


def test_other_metadata_is_kept() -> None:
    marked = TABLE.replace_schema_metadata({"huggingface": "{}", "pandas": "{}"})
    assert parquet.schema(io.BytesIO(parquet.encode(marked))).metadata == {b"huggingface": b"{}"}


def test_one_other_value_gives_other_bytes() -> None:
    other = TABLE.set_column(2, "count", pa.array([9, *TABLE["count"].to_pylist()[1:]]))
    assert parquet.encode(other) != EXPECTED


def test_row_groups_are_small_where_rows_carry_payloads() -> None:
    payload = pq.ParquetFile(io.BytesIO(EXPECTED)).metadata
    narrow = pq.ParquetFile(io.BytesIO(parquet.encode(TABLE.select(["id"])))).metadata
    assert [payload.row_group(n).num_rows for n in range(payload.num_row_groups)] == [1024, 1024, 952]
    assert narrow.num_row_groups == 1


def test_what_is_only_passed_on_holds_the_same_rows() -> None:
    for table in (TABLE, TABLE.drop_columns(["image"])):
        assert parquet.read(io.BytesIO(parquet.encode(table, passing=True)), None).equals(table)


def test_payloads_that_are_only_passed_on_are_not_squeezed() -> None:
    flat = pa.table({"image": pa.array([{"bytes": bytes([n % 251, 7] * 500), "path": None} for n in range(ROWS)])})
    assert len(parquet.encode(flat, passing=True)) > len(parquet.encode(flat))
    numbers = TABLE.drop_columns(["image"])
    assert parquet.encode(numbers, passing=True) == parquet.encode(numbers)


def test_an_empty_table_keeps_its_columns() -> None:
    empty = TABLE.slice(0, 0)
    assert parquet.read(io.BytesIO(parquet.encode(empty)), None).equals(empty)
