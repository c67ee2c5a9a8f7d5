"""Which rows the gates look at, where there are more than they need: chosen by id, so that nothing else matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Stratum = TypeVar("Stratum")

MOST_ROWS = 8_000
"""Rows of one kind (real training, real validation, new) that are looked at: bounds time and memory of the gates."""

FEWEST_ROWS = 400
"""Each class of each step keeps so many: rare classes are what augmentation is about. Weights make up for it."""


def quotas(counts: Mapping[Stratum, int], most: int = MOST_ROWS, fewest: int = FEWEST_ROWS) -> dict[Stratum, int]:
    """How many rows of each stratum to take: its share of `most`, but `fewest` where it has them."""
    total = sum(counts.values())
    if total <= most:
        return dict(counts)
    fewest = min(fewest, -(-most // len(counts)))
    return {name: min(count, max(fewest, round(most * count / total))) for name, count in counts.items()}


def lowest(words: U64, codes: I64, wanted: I64) -> I64:
    """Positions of the `wanted[code]` rows with the smallest words of each stratum, ascending. Words are hashes."""
    order = np.lexsort((words, codes))
    sizes = np.bincount(codes, minlength=len(wanted))
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(codes)) - starts[codes[order]]
    return np.sort(order[rank < wanted[codes[order]]])
