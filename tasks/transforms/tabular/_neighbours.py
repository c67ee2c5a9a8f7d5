"""What the SMOTE family shares: who is near whom, and a point on the line between two rows.

Candidates are imbalanced-learn's: the nearest rows by Euclidean distance, the row itself left out. Distances
are taken on scaled features, and ties are broken by pool order, so the answer depends neither on the number
of threads nor on the search algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from augmill.policies.errors import DataError
from augmill.tasks.rows.randomness import integers, uniforms
from augmill.tasks.transforms.table import F64, I64, Block, Drawn, Pool, State, TableSpec

KNeighbors = Annotated[int, Field(ge=1, le=1000, description="How many nearest rows of its class a row may meet.")]
MNeighbors = Annotated[int, Field(ge=1, le=1000, description="How many nearest rows of any class judge a row.")]

_SPARE = 4
_CELLS_AT_ONCE = 4_000_000
# Matrix products round; whoever is this close (relative to the squared norms) to the last kept row is looked at again.
_NEARLY = 1e-9


def members(pool: Pool) -> I64:
    """Pool rows of the class children are made for, in pool order."""
    return np.flatnonzero(pool.labels == pool.target).astype(np.int64)


def require_rows(use: str, pool: Pool, k_neighbors: int, advice: str = "") -> I64:
    """The class's rows, or a DataError with advice if they are too few to have `k_neighbors` neighbours."""
    rows = members(pool)
    if len(rows) > k_neighbors:
        return rows
    row_count = f"{len(rows)} training row{'' if len(rows) == 1 else 's'}"
    lower = f"Lower k_neighbors to {len(rows) - 1}, or m" if len(rows) > 1 else "M"
    raise DataError(
        f"{use} needs at least {k_neighbors + 1} rows of class {pool.target_name!r} to give each {k_neighbors} "
        f"neighbours (k_neighbors), and the class has {row_count}.",
        f"{lower}ake its children with a fitted distribution per class, which needs no neighbours: "
        f"tabular.gaussian_noise or tabular.random_oversample.{advice}",
        {"rule": "class_too_small", "label": pool.target_name, "rows": len(rows), "needed": k_neighbors + 1},
    )


def require_pool(use: str, pool: Pool, m_neighbors: int) -> None:
    """A DataError with advice if the whole pool is too small to judge a row by `m_neighbors` others."""
    if len(pool.block) <= m_neighbors:
        raise DataError(
            f"{use} judges a row by its {m_neighbors} nearest rows of any class (m_neighbors), and there are only "
            f"{len(pool.block)} training rows.",
            "Lower m_neighbors, or use tabular.random_oversample.",
            {"rule": "pool_too_small", "rows": len(pool.block), "needed": m_neighbors + 1},
        )


def scaled(spec: TableSpec, block: Block) -> F64:
    """Numeric features in standard deviations. Centred, because distances by matrix product cancel otherwise."""
    return np.asarray((block.numeric - [column.centre for column in spec.numeric]) / spec.scales, dtype=np.float64)


def nearest(points: F64, rows: I64, k: int) -> I64:
    """For each of `rows`, the `k` nearest other points, nearest first; shape (len(rows), k). Needs k < len(points)."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=1).fit(points)
    norms = np.einsum("ij,ij->i", points, points)
    result = np.empty((len(rows), k), dtype=np.int64)
    todo, width = np.arange(len(rows)), k + 1 + _SPARE
    while len(todo):
        width = min(width, len(points))
        unsure = []
        step = max(1, _CELLS_AT_ONCE // (width * points.shape[1]))
        for start in range(0, len(todo), step):
            part = todo[start : start + step]
            candidates = search.kneighbors(points[rows[part]], n_neighbors=width, return_distance=False)
            result[part], gap = _exact(points, rows[part], candidates, k)
            unsure.append(part[gap <= _NEARLY * (1.0 + norms[rows[part]])])
        # Equal distances at the edge: the right ones by pool order may not be among the found. Look wider.
        todo = np.concatenate(unsure) if width < len(points) else todo[:0]
        width *= 2
    return result


def _exact(points: F64, rows: I64, candidates: I64, k: int) -> tuple[I64, F64]:
    """The best `k` of the found points by exact distance, then pool order; and how far the next ones are behind."""
    away = points[candidates] - points[rows][:, None, :]
    squares = np.einsum("ijk,ijk->ij", away, away)
    squares[candidates == rows[:, None]] = np.inf
    order = np.lexsort((candidates, squares), axis=-1)
    squares = np.take_along_axis(squares, order, axis=1)
    edge = np.where(np.isinf(squares[:, -1]), squares[:, -2], squares[:, -1])
    return np.take_along_axis(candidates, order, axis=1)[:, :k], edge - squares[:, k - 1]


def foreign_counts(pool: Pool, points: F64, rows: I64, m_neighbors: int) -> I64:
    """How many of the `m_neighbors` nearest rows of any class belong to another class; shape (len(rows),)."""
    around = nearest(points, rows, m_neighbors)
    return np.asarray((pool.labels[around] != pool.target).sum(axis=1), dtype=np.int64)


def state_of(pool: Pool, bases: I64, neighbours: I64, weights: F64 | float = 1.0, **more: Any) -> State:
    """A SMOTE state: base rows (rising pool rows), their partners' pool rows, and how often each is a base."""
    spread = np.zeros(len(pool.block), dtype=np.float64)
    spread[bases] = weights
    return {"weights": spread, "bases": bases, "neighbours": neighbours, **more}


def within_class(pool: Pool, points: F64, bases: I64, k: int) -> I64:
    """The `k` nearest rows of the same class for each base, as pool rows; shape (len(bases), k)."""
    rows = members(pool)
    return np.asarray(rows[nearest(points[rows], np.searchsorted(rows, bases), k)], dtype=np.int64)


def draw_neighbour(state: State, seeds: I64, bases: I64) -> tuple[I64, I64, F64]:
    """Per child: its base's place in the state, one of the neighbours (0 is the nearest), a weight in [0, 1)."""
    places = np.searchsorted(state["bases"], bases)
    return places, integers(seeds, "neighbour", state["neighbours"].shape[1]), uniforms(seeds, "weight")


def draw_on_line(state: State, seeds: I64, bases: I64) -> Drawn:
    """A neighbour and how far to go towards it; `weight` 0 is the base, 1 the neighbour."""
    places, chosen, weight = draw_neighbour(state, seeds, bases)
    return {"partners": state["neighbours"][places, chosen][:, None], "weight": weight}


def on_line(parents: Sequence[Block], draws: Drawn) -> Block:
    """The point on the line from parents[0] to parents[1], in original units."""
    base, partner = parents[0], parents[1]
    return Block(base.numeric + draws["weight"][:, None] * (partner.numeric - base.numeric), base.codes)
