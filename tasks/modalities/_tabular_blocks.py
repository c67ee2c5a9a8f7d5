"""Between Arrow tables and the blocks of numbers and codes that transforms work on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.tasks.modalities._tabular_figures import EXACT_INTEGERS
from augmill.tasks.rows.provenance import PREFIX
from augmill.tasks.transforms.table import F64, I64, Block, Column, TableSpec


def block_of(spec: TableSpec, rows: pa.Table) -> Block:
    """The features of `rows`; a value outside a column's categories reads as missing."""
    numeric = np.empty((rows.num_rows, len(spec.numeric)), dtype=np.float64)
    for j, column in enumerate(spec.numeric):
        numeric[:, j] = pc.fill_null(rows[column.name].cast(pa.float64()), np.nan).to_numpy()
    codes = np.empty((rows.num_rows, len(spec.categorical)), dtype=np.int32)
    for j, column in enumerate(spec.categorical):
        values = rows[column.name]
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        domain = pa.array(column.domain, type=values.type)
        codes[:, j] = pc.fill_null(pc.index_in(values, domain), -1).to_numpy()
    return Block(numeric, codes)


def table_of(spec: TableSpec, block: Block, real: pa.Table, bases: I64) -> pa.Table:
    """The user's columns of children: features from `block`, all others from row `bases` of `real`.

    Arrow types and column order are those of `real`; whole numbers are rounded half to even and kept in the
    range of their type.
    """
    numeric = {column.name: j for j, column in enumerate(spec.numeric)}
    coded = {column.name: (column, j) for j, column in enumerate(spec.categorical)}
    indices = pa.array(bases)
    arrays, fields = [], []
    for kind in real.schema:
        name = kind.name
        if name.startswith(PREFIX):
            continue
        fields.append(kind)
        if name in numeric:
            arrays.append(_numbers(block.numeric[:, numeric[name]], real[name], indices))
        elif name in coded:
            arrays.append(_values(block.codes[:, coded[name][1]], coded[name][0], kind.type))
        else:
            arrays.append(real[name].take(indices))
    return pa.table(arrays, schema=pa.schema(fields))


def _numbers(values: F64, column: pa.ChunkedArray, bases: pa.Array) -> pa.Array:
    kind = column.type
    missing: NDArray[np.bool_] | None = np.isnan(values)
    if not np.any(missing):
        missing = None
    elif pa.types.is_floating(kind) and pc.any(pc.is_nan(column)).as_py():
        # A NaN of the source stays a NaN, a null stays a null.
        missing &= ~pc.fill_null(pc.is_nan(column.take(bases)), False).to_numpy().astype(bool)
    if pa.types.is_decimal(kind):
        most = float(10 ** (kind.precision - kind.scale)) - float(10**-kind.scale)
        return pc.round(pa.array(np.clip(values, -most, most), mask=missing), kind.scale).cast(kind)
    return pa.array(_cast_within_range(values, kind), type=kind, mask=missing)


def _cast_within_range(values: F64, kind: pa.DataType) -> NDArray[Any]:
    target = np.dtype(kind.to_pandas_dtype())
    if target.kind == "f":
        if target.itemsize < 8:
            limits = np.finfo(target)
            beyond = np.isfinite(values) & (np.abs(values) > float(limits.max))
            values = np.where(beyond, np.copysign(float(limits.max), values), values)
        return values.astype(target)
    bounds = np.iinfo(target)
    low, high = max(bounds.min, -EXACT_INTEGERS), min(bounds.max, EXACT_INTEGERS)
    return np.clip(np.rint(np.nan_to_num(values)), low, high).astype(target)


def _values(codes: NDArray[np.int32], column: Column, kind: pa.DataType) -> pa.Array:
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    domain = pa.array(column.domain, type=values)
    indices = pa.array(codes, mask=codes < 0)
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(indices.cast(kind.index_type), domain, ordered=kind.ordered)
    return domain.take(indices)
