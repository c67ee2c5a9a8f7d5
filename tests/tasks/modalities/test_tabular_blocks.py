"""Arrow to numbers and back, for every type a feature can have."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from augmill.policies.schema import Policy
from augmill.tasks.modalities._tabular_blocks import block_of, table_of
from augmill.tasks.modalities.tabular import describe, spec_from_json
from augmill.tasks.transforms.table import Block

POLICY = Policy(dataset="d", modality="tabular", source={"uri": "u"}, label="y")
TYPES = [
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64(), pa.decimal128(9, 2), pa.bool_()),
    *(pa.string(), pa.large_string()),
    *(pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int32(), pa.large_string(), ordered=True)),
    pa.dictionary(pa.int16(), pa.int64()),
]


def column_of(kind: pa.DataType) -> pa.Array:
    values = pa.array([1, 0, None, 1, 0, 0])
    if pa.types.is_dictionary(kind):
        codes = pa.array([0, 1, None, 0, 1, 1], kind.index_type)
        return pa.DictionaryArray.from_arrays(codes, pa.array([1, 0]).cast(kind.value_type), ordered=kind.ordered)
    return values.cast(pa.float64()).cast(kind)


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_unchanged_features_come_back_as_they_were(kind):
    real = pa.table({"x": column_of(kind)})
    spec = spec_from_json(describe(POLICY, [real]))
    assert spec.columns[0].kind != "carried"
    bases = np.array([5, 2, 0, 0])
    made = table_of(spec, block_of(spec, real).take(bases), real, bases)
    assert made.schema == real.schema
    assert made["x"].to_pylist() == real["x"].take(pa.array(bases)).to_pylist()


def made_of(kind: pa.DataType, values: list[float]) -> list[object]:
    real = pa.table({"x": column_of(kind)})
    spec = spec_from_json(describe(POLICY, [real]))
    block = Block(np.array(values)[:, None], np.empty((len(values), 0), dtype=np.int32))
    return table_of(spec, block, real, np.zeros(len(values), dtype=np.int64))["x"].to_pylist()


def test_whole_numbers_are_rounded_half_to_even_and_kept_in_their_type():
    assert made_of(pa.int8(), [0.5, 1.5, -300.0, 300.0, np.nan]) == [0, 2, -128, 127, None]
    assert made_of(pa.uint16(), [-1.0, 70_000.0]) == [0, 65_535]
    assert made_of(pa.int64(), [1e300, -1e300]) == [2**53, -(2**53)]


def test_small_floats_and_decimals_are_kept_in_their_type():
    assert made_of(pa.float16(), [1e9, 0.1]) == [65_504.0, float(np.float16(0.1))]
    assert [str(value) for value in made_of(pa.decimal128(9, 2), [0.126, -3.0])] == ["0.13", "-3.00"]
    assert [str(value) for value in made_of(pa.decimal128(9, 2), [1e12, -1e12])] == ["9999999.99", "-9999999.99"]


def test_a_nan_of_the_source_stays_a_nan_and_a_null_a_null():
    real = pa.table({"x": pa.array([1.0, None, float("nan"), 2.0], from_pandas=False)})
    spec = spec_from_json(describe(POLICY, [real]))
    made = table_of(spec, block_of(spec, real), real, np.arange(4))["x"]
    assert made.is_null().to_pylist() == [False, True, False, False]
    assert np.isnan(made[2].as_py())


def test_an_unseen_category_reads_as_missing():
    spec = spec_from_json(describe(POLICY, [pa.table({"x": ["a", "b", "a", "b"]})]))
    assert block_of(spec, pa.table({"x": ["b", "z", None]})).codes[:, 0].tolist() == [1, -1, -1]


def test_chunks_do_not_matter():
    real = pa.table({"x": pa.chunked_array([[1.0, 2.0], [], [3.0]]), "s": pa.chunked_array([["a"], ["b", "a"]])})
    spec = spec_from_json(describe(POLICY, [real]))
    made = table_of(spec, block_of(spec, real).take(np.array([2, 0])), real, np.array([2, 0]))
    assert made.to_pydict() == {"x": [3.0, 1.0], "s": ["a", "a"]}
