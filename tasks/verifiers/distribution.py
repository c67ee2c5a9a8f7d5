"""How children are distributed among real rows: exact copies, near copies, coverage, ranges, class shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.tasks.rows.provenance import NAMES
from augmill.tasks.stats import scaling

F64 = NDArray[np.float64]
U64 = NDArray[np.uint64]
Mask = NDArray[np.bool_]

SAMPLE = 2_000
"""Children and real rows compared at most: the interval of a share is then about 2 points on each side."""

NEIGHBOURS = 5
"""Coverage by 5 neighbours, as in Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics"."""

NEAR = 0.1
"""A near copy is closer to a real row than a tenth of the median distance between neighbouring real rows."""


class Contents:
    """The content hashes of some rows, two words per row, shape (n, 2), sorted once for many look-ups."""

    def __init__(self, words: U64) -> None:
        order = np.lexsort((words[:, 1], words[:, 0]))
        self.first, self.second = words[order, 0], words[order, 1]

    def hold(self, children: U64) -> Mask:
        """True where a child's content is equal to that of one of the rows."""
        equal = np.zeros(len(children), dtype=bool)
        at = np.searchsorted(self.first, children[:, 0])
        rows = np.arange(len(children))
        # Few children share a first word with any row, and hardly any share it with a row of other content.
        while len(rows := rows[at[rows] < len(self.first)]):
            rows = rows[self.first[at[rows]] == children[rows, 0]]
            alike = self.second[at[rows]] == children[rows, 1]
            equal[rows[alike]] = True
            rows = rows[~alike]
            at[rows] += 1
        return equal


@dataclass(frozen=True)
class Neighbourhood:
    """Shares on samples: `near_copy_share` of children, `coverage` of real rows; `compared` = (children, real)."""

    near_copy_share: float
    coverage: float
    compared: tuple[int, int]


def neighbourhood(children: F64, real: F64) -> Neighbourhood | None:
    """Near copies and coverage from features (n, d) of sampled rows; None if there are too few rows.

    The arguments are the first `SAMPLE` rows, by hash of their id, of the children and of the real rows of one class.
    """
    from threadpoolctl import threadpool_limits

    children, real = children[:SAMPLE], real[:SAMPLE]
    if len(children) == 0 or len(real) <= NEIGHBOURS:
        return None
    scale = scaling.fit(real)
    scaled_children, scaled_real = scale.apply(children), scale.apply(real)
    with threadpool_limits(limits=1):
        real_distances = _squared_distances(scaled_real, scaled_real)
        real_distances[np.arange(len(scaled_real)), np.arange(len(scaled_real))] = np.inf
        radius = np.partition(real_distances, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]
        spacing = float(np.sqrt(np.median(real_distances.min(axis=1))))
        child_distances = _squared_distances(scaled_children, scaled_real)
    near = np.sqrt(child_distances.min(axis=1)) < NEAR * spacing
    covered = (child_distances <= radius[None, :]).any(axis=0)
    return Neighbourhood(float(near.mean()), float(covered.mean()), (len(scaled_children), len(scaled_real)))


Bounds = Mapping[str, tuple[float, float]]


def in_range(children: pa.Table, bounds: Bounds) -> Mask:
    """True where every numeric value of a child lies within the real rows' bounds; a missing value passes."""
    inside = np.ones(len(children), dtype=bool)
    for name, (low, high) in bounds.items():
        values = pc.cast(children[name], pa.float64()).fill_null(low).to_numpy()
        # Interpolating two equal numbers can move the last bit.
        slack = 1e-9 * max(abs(low), abs(high))
        inside &= ~((values < low - slack) | (values > high + slack))
    return inside


def other_types(children: pa.Schema, real: Mapping[str, pa.DataType]) -> list[str]:
    """User columns of children that real rows do not have, or have in another type."""
    return [field.name for field in children if field.name not in NAMES and real.get(field.name) != field.type]


def class_share_gap(planned: Mapping[str, int], published: Mapping[str, int]) -> float | None:
    """The largest difference between a class's planned and published share; None without rows."""
    before, after = sum(planned.values()), sum(published.values())
    if not before or not after:
        return None
    labels = {*planned, *published}
    return max(abs(planned.get(label, 0) / before - published.get(label, 0) / after) for label in labels)


def _squared_distances(first: F64, second: F64) -> F64:
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :]
    squares -= 2.0 * (first @ second.T)
    return np.asarray(np.maximum(squares, 0.0, out=squares))
