"""Nearest neighbours by brute force in blocks: exact, and fastest for some thousand rows in many dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

BLOCK = 256
"""Rows whose distances to all others are held at once: a block of them stays near the processor."""

TIE = 1e-9
"""Squared distances this close are equal: rounding must not put a row outside a ball of radius 0 that it is in."""


def nearest(queries: F64, references: F64, own: I64 | None = None) -> tuple[F64, I64]:
    """Distance from each query to the closest reference, and which that is; references (m, d), m at least 1.

    `own` (n,): the reference that each query itself is, which does not count.
    """
    middle = references.mean(axis=0)
    around, near = references - middle, queries - middle
    # The query's own square is the same for all references and changes no order; theirs rides along as one column.
    left = np.hstack([-2.0 * near, np.ones((len(queries), 1))]).astype(np.float32)
    right = np.hstack([around, (around**2).sum(axis=1)[:, None]]).astype(np.float32).T
    found = np.zeros(len(left), dtype=np.int64)
    with _one_thread():
        for start in range(0, len(left), BLOCK):
            apart = left[start : start + BLOCK] @ right
            if own is not None:
                apart[np.arange(len(apart)), own[start : start + BLOCK]] = np.inf
            found[start : start + BLOCK] = apart.argmin(axis=1)
    # Small distances drown in the rounding of large squares: the one that counts is taken again, exactly.
    return np.sqrt(((queries - references[found]) ** 2).sum(axis=1)), found


def radii(points: F64, k: int) -> F64:
    """Distance from each point to its k-th neighbour among the others, shape (n,); n above k."""
    found = np.zeros(len(points))
    for start, block in _squared(points, points):
        block[np.arange(len(block)), start + np.arange(len(block))] = np.inf
        found[start : start + len(block)] = np.partition(block, k - 1, axis=1)[:, k - 1]
    return np.asarray(np.sqrt(found))


def count_within(centres: F64, radius: F64, others: F64) -> I64:
    """How many of the others lie in the ball around each centre, shape (n,)."""
    found = np.zeros(len(centres), dtype=np.int64)
    for start, block in _squared(centres, others):
        reach = radius[start : start + len(block), None] ** 2 + TIE
        found[start : start + len(block)] = (block <= reach).sum(axis=1)
    return found


def _squared(left: F64, right: F64) -> Iterator[tuple[int, F64]]:
    squares = (right**2).sum(axis=1)[None, :]
    with _one_thread():
        for start in range(0, len(left), BLOCK):
            block = left[start : start + BLOCK]
            found = (block**2).sum(axis=1)[:, None] + squares - 2.0 * (block @ right.T)
            yield start, np.maximum(found, 0.0, out=found)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The split of a sum over threads changes its last bits; a figure must be the same on any number of them."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
