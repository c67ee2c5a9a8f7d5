"""Which real rows the verifier is fitted on, and in which fold: by hash of id or group, never by position."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]

MAX_ROWS_PER_CLASS = 2_000
"""More calibration rows move a 1 % quantile by less than 0.2 %, while fit time and memory keep growing."""

MAX_ROWS = 20_000
"""All classes together: bounds the fit to seconds and some hundred MB whatever the size of the data."""

MIN_CAP = 100
"""Even with very many classes, each keeps enough rows for a threshold at alpha 0.01."""

FOLDS = 8
"""A child of two parents is judged by a model that leaves out two folds, and so still learns from 6 of 8."""


def select(ids: Sequence[str], labels: Sequence[str], seed: int, groups: Sequence[str] | None = None) -> I64:
    """Rows to fit on, ascending: per class the smallest hashes. Adding rows replaces few of them."""
    codes, classes = _codes(labels)
    cap = min(MAX_ROWS_PER_CLASS, max(MIN_CAP, MAX_ROWS // max(1, len(classes))))
    order = hash_order(ids, codes, seed, groups)
    rank = _rank_within(codes[order])
    return np.sort(order[rank < cap])


def assign(ids: Sequence[str], labels: Sequence[str], seed: int, groups: Sequence[str] | None = None) -> I64:
    """Fold of each row: stratified by class; rows of one group share a fold."""
    codes, _ = _codes(labels)
    folds = np.empty(len(codes), dtype=np.int64)
    order = hash_order(ids, codes, seed, groups)
    if groups is None:
        folds[order] = _rank_within(codes[order]) % FOLDS
        return folds
    # A group has the place and the class of its first row.
    names = np.asarray(groups, dtype=object)
    _, first, member = np.unique(names[order].astype(str), return_index=True, return_inverse=True)
    by_place = np.argsort(first, kind="stable")
    rank = np.empty(len(first), dtype=np.int64)
    rank[by_place] = _rank_within(codes[order][first[by_place]]) % FOLDS
    folds[order] = rank[member]
    return folds


def _codes(labels: Sequence[str]) -> tuple[I64, NDArray[np.str_]]:
    encoded = pa.array(np.asarray(labels, dtype=object), pa.string()).dictionary_encode()
    classes, place = np.unique(encoded.dictionary.to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    return place[encoded.indices.to_numpy(zero_copy_only=False)].astype(np.int64), classes


def hash_order(ids: Sequence[str], codes: I64, seed: int, groups: Sequence[str] | None = None) -> I64:
    """Rows sorted by class, then by hash of group, then by hash of id: independent of the order of the input."""
    keys = [_words(ids, seed), codes]
    if groups is not None:
        keys.insert(1, _words(groups, seed))
    return np.lexsort(tuple(keys)).astype(np.int64)


def _rank_within(sorted_codes: I64) -> I64:
    starts = np.flatnonzero(np.r_[True, sorted_codes[1:] != sorted_codes[:-1]]) if len(sorted_codes) else np.empty(0)
    sizes = np.diff(np.r_[starts, len(sorted_codes)]).astype(np.int64)
    return np.arange(len(sorted_codes), dtype=np.int64) - np.repeat(starts.astype(np.int64), sizes)


def _words(keys: Sequence[str], seed: int) -> U64:
    import pandas as pd

    # SipHash keyed by the policy's seed: the same on every machine, and a million keys in a fraction of a second.
    hashed = pd.util.hash_array(np.asarray(keys, dtype=object), hash_key=f"{seed:016x}", categorize=False)
    return np.asarray(hashed, dtype=np.uint64)
