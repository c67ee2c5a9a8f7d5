from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augmill.policies.errors import DataError
from augmill.tasks.rows.provenance import PAYLOAD_TYPE
from tests.tasks.sources.whole import Whole, policy_of, whole


def parquet_of(base: Path, table: pa.Table, name: str = "data.parquet", **more: Any) -> Whole:
    pq.write_table(table, base / name, row_group_size=7)
    return whole(base, policy_of(name), **more)


def test_types_are_the_files_own(tmp_path: Path) -> None:
    table = pa.table(
        {
            "small": pa.array([1, None], pa.int8()),
            "single": pa.array([0.5, None], pa.float32()),
            "flag": [True, None],
            "text": pa.array(["007", None]).dictionary_encode(),
            "day": [date(2020, 1, 31), None],
            "time": pa.array([datetime(2020, 1, 31, 12), None], pa.timestamp("ns")),
            "signal": pa.array([[0.5, 1.5], None], pa.list_(pa.float32())),
            "image": pa.array([{"bytes": b"x", "path": "p"}, None], PAYLOAD_TYPE),
        }
    )
    read = parquet_of(tmp_path, table)
    assert read.types == {
        "small": "int64",
        "single": "float64",
        "flag": "bool",
        "text": "string",
        "day": "date32",
        "time": "timestamp",
        "signal": "list<float32>",
        "image": "payload",
    }
    assert read.rows == table.cast(table.schema.set(3, pa.field("text", pa.string()))).to_pylist()


@pytest.mark.parametrize("shard_rows", [1, 7, 10**6])
def test_rows_do_not_depend_on_row_groups_or_shards(tmp_path: Path, shard_rows: int) -> None:
    read = parquet_of(tmp_path, pa.table({"a": range(50), "b": [str(i) for i in range(50)]}), shard_rows=shard_rows)
    assert read.rows == [{"a": i, "b": str(i)} for i in range(50)]
    assert read.places == [("data.parquet", i) for i in range(50)]
    assert read.chunks == -(-50 // shard_rows)


def test_shards_are_bounded_by_bytes(tmp_path: Path) -> None:
    payloads = [bytes([i]) * 1000 for i in range(40)]
    read = parquet_of(tmp_path, pa.table({"a": payloads}), shard_bytes=10_000)
    assert 4 <= read.chunks <= 8
    assert [row["a"] for row in read.rows] == payloads


def test_files_of_different_types_join(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "b": [1]}), tmp_path / "one.parquet")
    pq.write_table(pa.table({"a": [1.5], "b": ["x"]}), tmp_path / "two.parquet")
    read = whole(tmp_path, policy_of("*.parquet"))
    assert read.rows == [{"a": 1.0, "b": "1"}, {"a": 1.5, "b": "x"}]


def test_values_that_do_not_fit_the_expected_type_are_faults(tmp_path: Path) -> None:
    read = parquet_of(tmp_path, pa.table({"a": [1.0, 2.5, 3.0]}), expected={"a": "int64"})
    assert [row["a"] for row in read.rows] == [1, 3]
    assert read.reasons == [(1, "column 'a': '2.5' is not a whole number")]


def test_texts_that_are_not_utf8_are_faults(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"ok", b"\xff"]).buffers())
    read = parquet_of(tmp_path, pa.table({"a": broken}))
    assert read.rows == [{"a": "ok"}]
    assert [row for row, _ in read.reasons] == [1]


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "data.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"data\.parquet is damaged or not a Parquet file"):
        whole(tmp_path, policy_of("data.parquet"))


def test_a_file_that_was_cut_off_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": range(1000)}), tmp_path / "data.parquet")
    data = (tmp_path / "data.parquet").read_bytes()
    (tmp_path / "data.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="damaged"):
        whole(tmp_path, policy_of("data.parquet"))


def test_a_file_whose_pages_are_damaged_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": range(1000)}), tmp_path / "data.parquet", compression="snappy", use_dictionary=False)
    data = bytearray((tmp_path / "data.parquet").read_bytes())
    data[40:400] = b"\xff" * 360
    (tmp_path / "data.parquet").write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        whole(tmp_path, policy_of("data.parquet"))


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(DataError, match="several columns called 'a'"):
        parquet_of(tmp_path, table)


def test_a_kind_of_column_that_no_table_may_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 'm' is of type map"):
        parquet_of(tmp_path, pa.table({"m": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))}))


def test_a_key_of_long_decimals_is_set_aside_and_not_cut(tmp_path: Path) -> None:
    keys = [Decimal(f"12345678901234567{end}.5") for end in range(10, 13)]
    read = parquet_of(tmp_path, pa.table({"key": pa.array(keys, pa.decimal128(30, 1))}))
    assert read.rows == []
    assert [row for row, _ in read.reasons] == [0, 1, 2]
    assert "column 'key': '1234567890123456710.5' has more digits than a float64 holds" in read.reasons[0][1]
