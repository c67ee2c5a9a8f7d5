"""Which rows the gates look at, where there are more than they need: chosen by id, so that nothing else matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Stratum = TypeVar("Stratum")

MOST_ROWS = 2_000
"""Rows of one kind (real training, real validation, new) that are looked at: bounds time and memory of the gates."""


def quotas(counts: Mapping[Stratum, int], most: int = MOST_ROWS) -> dict[Stratum, int]:
    """How many rows of each stratum to take: as many of each, and what small ones leave goes to the large ones.

    Rare classes are what augmentation is about, so they are taken whole where they can be; weights make up for it.
    """
    left, found = most, {}
    for place, name in enumerate(sorted(counts, key=lambda name: counts[name])):
        found[name] = min(counts[name], max(1, left // (len(counts) - place)))
        left -= found[name]
    return {name: found[name] for name in counts}


def bottom_k(words: U64, codes: I64, wanted: I64) -> I64:
    """Positions of the `wanted[code]` rows with the smallest words of each stratum, ascending. Words are hashes."""
    order = np.lexsort((words, codes))
    sizes = np.bincount(codes, minlength=len(wanted))
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(codes)) - starts[codes[order]]
    return np.sort(order[rank < wanted[codes[order]]])
