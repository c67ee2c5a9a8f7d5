"""Nearest neighbours by brute force in blocks: exact, and fastest for some thousand rows in many dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

BLOCK = 256
"""Rows whose distances to all others are computed at once: a block of this size fits into the processor's cache."""

TIE = 1e-9
"""Tolerance of squared distances: rounding must not put a row outside a ball of radius 0 around the same point."""


def nearest(queries: F64, references: F64, own: I64 | None = None) -> tuple[F64, I64]:
    """Distance from each query to the closest reference, and its position; references (m, d), m at least 1.

    `own` (n,): the position of each query itself among the references, which does not count as its neighbour.
    """
    middle = references.mean(axis=0)
    around, near = references - middle, queries - middle
    # The query's own square is the same for all references and changes no order; their squares are one more column.
    augmented_queries = np.hstack([-2.0 * near, np.ones((len(queries), 1))]).astype(np.float32)
    augmented_references = np.hstack([around, (around**2).sum(axis=1)[:, None]]).astype(np.float32).T
    closest = np.zeros(len(augmented_queries), dtype=np.int64)
    with _one_thread():
        for start in range(0, len(augmented_queries), BLOCK):
            distances = augmented_queries[start : start + BLOCK] @ augmented_references
            if own is not None:
                distances[np.arange(len(distances)), own[start : start + BLOCK]] = np.inf
            closest[start : start + BLOCK] = distances.argmin(axis=1)
    # Small distances are lost in the rounding of large squares: compute the closest one again, exactly.
    return np.sqrt(((queries - references[closest]) ** 2).sum(axis=1)), closest


def radii(points: F64, k: int) -> F64:
    """Distance from each point to its k-th neighbour among the others, shape (n,); n above k."""
    squares = np.zeros(len(points))
    for start, block in _squared_distances(points, points):
        block[np.arange(len(block)), start + np.arange(len(block))] = np.inf
        squares[start : start + len(block)] = np.partition(block, k - 1, axis=1)[:, k - 1]
    return np.asarray(np.sqrt(squares))


def count_within(centres: F64, radius: F64, others: F64) -> I64:
    """How many of the others lie in the ball around each centre, shape (n,)."""
    counts = np.zeros(len(centres), dtype=np.int64)
    for start, block in _squared_distances(centres, others):
        reach = radius[start : start + len(block), None] ** 2 + TIE
        counts[start : start + len(block)] = (block <= reach).sum(axis=1)
    return counts


def _squared_distances(queries: F64, references: F64) -> Iterator[tuple[int, F64]]:
    squares = (references**2).sum(axis=1)[None, :]
    with _one_thread():
        for start in range(0, len(queries), BLOCK):
            block = queries[start : start + BLOCK]
            distances = (block**2).sum(axis=1)[:, None] + squares - 2.0 * (block @ references.T)
            yield start, np.maximum(distances, 0.0, out=distances)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run BLAS in one thread: how a sum is split over threads changes its last bits, and figures must not depend on
    the number of threads."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
