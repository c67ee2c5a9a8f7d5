from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from augmill.policies.schema import Policy
from augmill.tasks.rows.provenance import SOURCE, SOURCE_TYPE, SPLIT
from augmill.tasks.sources.chunks import MAX_FAULTS, ReadOptions, rechunk, typed
from augmill.tasks.sources.source_contract import Chunk, Fault, SourceObject

OBJECT = SourceObject("a.csv", "/x/a.csv", 10, "abc", split="test")
POLICY = Policy(dataset="d", modality="tabular", source={"uri": "u"})


def wanted(types: dict[str, str]) -> ReadOptions:
    return ReadOptions(types, POLICY, 1000, 1 << 20)


def test_rows_carry_their_object_hash_number_and_split() -> None:
    chunk = typed({"a": pa.array(["1", "2"])}, np.array([4, 9]), OBJECT, wanted({"a": "int64"}))
    assert chunk.table.schema.field(SOURCE).type == SOURCE_TYPE
    assert chunk.table.to_pylist() == [
        {"a": 1, SOURCE: {"object": "a.csv", "sha256": "abc", "row": 4}, SPLIT: "test"},
        {"a": 2, SOURCE: {"object": "a.csv", "sha256": "abc", "row": 9}, SPLIT: "test"},
    ]


def test_every_reason_of_a_row_is_in_one_fault() -> None:
    columns = {"a": pa.array(["x", "1"]), "b": pa.array(["y", "2"])}
    chunk = typed(columns, np.array([0, 1]), OBJECT, wanted({"a": "int64", "b": "float64"}))
    assert [fault.reason for fault in chunk.faults] == [
        "column 'a': 'x' is not a whole number; column 'b': 'y' is not a number"
    ]
    assert chunk.table["a"].to_pylist() == [1]


def test_bytes_are_not_spilled_into_reports() -> None:
    columns = {"a": pa.array(["x"]), "raw": pa.array([b"1234"])}
    fault = typed(columns, np.array([0]), OBJECT, wanted({"a": "int64", "raw": "binary"})).faults[0]
    assert fault.text == '{"a": "x", "raw": "<4 bytes>"}'


@pytest.mark.parametrize(("rows", "size", "sizes"), [(4, 2**20, [4, 4, 2]), (100, 32, [4, 4, 2]), (100, 1, [1] * 10)])
def test_chunks_are_bounded_by_rows_and_bytes(rows: int, size: int, sizes: list[int]) -> None:
    parts = [Chunk(pa.table({"a": np.arange(start, start + 5)})) for start in (0, 5)]
    chunks = list(rechunk(parts, rows, size))
    assert [chunk.table.num_rows for chunk in chunks] == sizes
    assert pa.concat_tables(chunk.table for chunk in chunks)["a"].to_pylist() == list(range(10))


def test_faults_do_not_pile_up_where_there_are_no_rows() -> None:
    empty = pa.table({"a": pa.array([], pa.int64())})
    faults = [Fault.at(OBJECT, row, "torn", "") for row in range(MAX_FAULTS)]
    chunks = list(rechunk((Chunk(empty, list(faults)) for _ in range(5)), 10, 10))
    assert sum(len(chunk.faults) for chunk in chunks) == 5 * MAX_FAULTS
    assert max(len(chunk.faults) for chunk in chunks) <= 2 * MAX_FAULTS


def test_a_long_text_is_cut() -> None:
    assert len(Fault.at(OBJECT, 0, "torn", "x" * 10_000).text) == 2003
