"""How children lie among real rows: exact copies, near copies, coverage, ranges, class shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.verifiers import scaling

F64 = NDArray[np.float64]
U64 = NDArray[np.uint64]
Mask = NDArray[np.bool_]

SAMPLE = 2_000
"""Children and real rows compared at most; a share is then known to about 2 points, in well under a second."""

NEIGHBOURS = 5
"""Coverage by 5 neighbours, as in Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics"."""

NEAR = 0.1
"""A near copy lies closer to a real row than a tenth of what real rows keep from one another (median)."""


def copies(children: U64, real: U64) -> Mask:
    """True where a child's content, two words per row, is that of a real row."""
    if not len(children) or not len(real):
        return np.zeros(len(children), dtype=bool)
    # Single words sort ten times faster than pairs, and rule out nearly every row.
    maybe = np.isin(children[:, 0], real[:, 0])
    found = np.zeros(len(children), dtype=bool)
    found[maybe] = np.isin(_wide(children[maybe]), _wide(real[np.isin(real[:, 0], children[maybe, 0])]))
    return found


@dataclass(frozen=True)
class Neighbourhood:
    """Shares on samples: `near_copy_share` of children, `coverage` of real rows; `compared` = (children, real)."""

    near_copy_share: float
    coverage: float
    compared: tuple[int, int]


def neighbourhood(children: F64, real: F64) -> Neighbourhood | None:
    """Near copies and coverage from features (n, d) of sampled rows; None where there are too few to say.

    Give the first `SAMPLE` rows by hash of their id of the children of one class, and of that class's real rows.
    """
    from threadpoolctl import threadpool_limits

    children, real = children[:SAMPLE], real[:SAMPLE]
    if len(children) == 0 or len(real) <= NEIGHBOURS:
        return None
    scale = scaling.fit(real)
    left, right = scale.apply(children), scale.apply(real)
    with threadpool_limits(limits=1):
        among = _distances(right, right)
        among[np.arange(len(right)), np.arange(len(right))] = np.inf
        radius = np.partition(among, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]
        apart = float(np.sqrt(np.median(among.min(axis=1))))
        across = _distances(left, right)
    near = np.sqrt(across.min(axis=1)) < NEAR * apart
    covered = (across <= radius[None, :]).any(axis=0)
    return Neighbourhood(float(near.mean()), float(covered.mean()), (len(left), len(right)))


Bounds = Mapping[str, tuple[float, float]]


def bounds_of(table: pa.Table) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of every numeric column that has one."""
    found = {}
    for name in table.column_names:
        if _numeric(table.schema.field(name).type):
            ends = pc.min_max(_finite(table[name])).as_py()
            if ends["min"] is not None:
                found[name] = (float(ends["min"]), float(ends["max"]))
    return found


def widest(parts: list[Bounds]) -> dict[str, tuple[float, float]]:
    """The bounds of all rows from those of batches."""
    names = sorted({name for part in parts for name in part})
    return {
        name: (min(p[name][0] for p in parts if name in p), max(p[name][1] for p in parts if name in p))
        for name in names
    }


def in_range(children: pa.Table, bounds: Bounds) -> Mask:
    """True where every numeric value of a child lies within the real rows' bounds; a missing value passes."""
    inside = np.ones(len(children), dtype=bool)
    for name, (low, high) in bounds.items():
        values = pc.cast(children[name], pa.float64()).fill_null(low).to_numpy()
        # Interpolating two equal numbers can move the last bit.
        slack = 1e-9 * max(abs(low), abs(high))
        inside &= ~((values < low - slack) | (values > high + slack))
    return inside


def other_types(children: pa.Schema, real: pa.Schema) -> list[str]:
    """User columns whose type is not that of the real rows, or that only one side has."""
    names = sorted({*children.names, *real.names})
    return [
        name
        for name in names
        if children.get_field_index(name) < 0
        or real.get_field_index(name) < 0
        or not children.field(name).type.equals(real.field(name).type)
    ]


def class_share_gap(planned: Mapping[str, int], published: Mapping[str, int]) -> float | None:
    """The largest difference of a class's share between what was planned and what is there; None without rows."""
    before, after = sum(planned.values()), sum(published.values())
    if not before or not after:
        return None
    labels = {*planned, *published}
    return max(abs(planned.get(label, 0) / before - published.get(label, 0) / after) for label in labels)


def _distances(left: F64, right: F64) -> F64:
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :]
    squares -= 2.0 * (left @ right.T)
    return np.asarray(np.maximum(squares, 0.0, out=squares))


def _wide(words: U64) -> NDArray[Any]:
    packed = np.empty(len(words), dtype=[("a", np.uint64), ("b", np.uint64)])
    packed["a"], packed["b"] = words[:, 0], words[:, 1]
    return packed.view("V16").ravel()


def _numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _finite(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.filter(pc.is_finite(column).fill_null(False)) if pa.types.is_floating(column.type) else column
