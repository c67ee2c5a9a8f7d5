"""Which rows the gates use if there are more than they need: chosen by id, independent of order and shards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Stratum = TypeVar("Stratum")

MOST_ROWS = 2_000
"""Rows of one kind (real training, real validation, new) at most: bounds the time and memory of the gates."""


def quotas(counts: Mapping[Stratum, int], most: int = MOST_ROWS) -> dict[Stratum, int]:
    """How many rows of each stratum to take: equal shares; what small strata do not use goes to the large ones.

    Augmentation is about rare classes, so all their rows are taken where possible; weights correct for it.
    """
    remaining, quota = most, {}
    for place, name in enumerate(sorted(counts, key=lambda name: counts[name])):
        quota[name] = min(counts[name], max(1, remaining // (len(counts) - place)))
        remaining -= quota[name]
    return {name: quota[name] for name in counts}


def bottom_k(words: U64, codes: I64, quota: I64) -> I64:
    """Ascending positions of the `quota[code]` rows with the smallest words of each stratum. Words are hashes."""
    order = np.lexsort((words, codes))
    sizes = np.bincount(codes, minlength=len(quota))
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(codes)) - starts[codes[order]]
    return np.sort(order[rank < quota[codes[order]]])
