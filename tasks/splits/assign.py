"""Assign rows to train, validation and test, so that rows that belong together are never separated.

Rows are linked by *bonds*: equal content, equal key, equal group. A published bond stays in its split for ever. New
families of linked rows are placed by the hash of their bonds within their class, so that every class reaches each
split that it can reach, and the order of the source does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augmill.policies.schema import SPLITS, Split
from augmill.tasks.rows.randomness import U64, mix, word_of

I8 = NDArray[np.int8]
I64 = NDArray[np.int64]
NONE: int = -1

APART = "an identical row or a member of its group is already in another split"
MOVED = "the source gives another split than the one it was published in"
LEAK = "an identical row or a member of its group is in a held-out split of the source"


@dataclass(frozen=True)
class Ledger:
    """All published bonds, sorted, and the split (code into SPLITS) of each."""

    bonds: U64
    splits: I8

    def of(self, bonds: U64) -> I8:
        """Split codes of the given bonds, any shape; -1 for a bond that was never published."""
        if not len(self.bonds):
            return np.full(bonds.shape, NONE, dtype=np.int8)
        at = np.minimum(np.searchsorted(self.bonds, bonds), len(self.bonds) - 1)
        return np.where(self.bonds[at] == bonds, self.splits[at], NONE).astype(np.int8)


@dataclass(frozen=True)
class Assignment:
    """One split code per row, -1 if the row is refused, and the reasons of refused rows."""

    splits: I8
    reasons: NDArray[np.object_]


def assign(
    bonds: U64,
    labels: I64,
    source_splits: I8 | None,
    ledger: Ledger,
    fractions: Mapping[Split, float],
    salt: str,
) -> Assignment:
    """Assign rows with `bonds` (n, b) and class codes `labels` (n,) to splits.

    `source_splits` (n,) are the splits that the source itself names, or None if the policy's fractions decide.
    """
    reasons = np.full(len(bonds), None, dtype=object)
    if not len(bonds):
        return Assignment(np.zeros(0, dtype=np.int8), reasons)
    families = _families(bonds)
    published, torn = _published(bonds, ledger, families)
    reasons[torn] = APART
    if source_splits is not None:
        splits = _follow_source(source_splits, families, published, reasons)
    else:
        splits = published.copy()
        new = (splits == NONE) & ~torn
        _place(splits, new, bonds, labels, families, fractions, salt)
    splits[reasons != None] = NONE  # noqa: E711  an elementwise comparison
    return Assignment(splits, reasons)


def extended(ledger: Ledger, bonds: U64, splits: I8) -> tuple[U64, I8]:
    """Bonds that are not yet in the ledger, sorted, with their splits: the segment that a new version adds."""
    flat = bonds[splits != NONE].ravel()
    codes = np.repeat(splits[splits != NONE], bonds.shape[1])
    unique, first = np.unique(flat, return_index=True)
    fresh = ledger.of(unique) == NONE
    return unique[fresh], codes[first][fresh]


def _families(bonds: U64) -> I64:
    """Number the connected components of rows that share a bond, shape (n,)."""
    _, inverse = np.unique(bonds.ravel(), return_inverse=True)
    inverse = inverse.reshape(bonds.shape)
    if bonds.shape[1] == 1:
        return np.asarray(inverse[:, 0], dtype=np.int64)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, others = np.repeat(inverse[:, :1], bonds.shape[1] - 1, axis=1).ravel(), inverse[:, 1:].ravel()
    size = int(inverse.max()) + 1
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, others)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    return np.asarray(component[inverse[:, 0]], dtype=np.int64)


def _published(bonds: U64, ledger: Ledger, families: I64) -> tuple[I8, NDArray[np.bool_]]:
    """The split that earlier versions require for each row, and the rows that they require in two splits at once."""
    ledger_splits = ledger.of(bonds)
    low = np.where(ledger_splits == NONE, len(SPLITS), ledger_splits).min(axis=1).astype(np.int64)
    high = ledger_splits.max(axis=1).astype(np.int64)
    own = np.where(high == NONE, NONE, low).astype(np.int8)
    torn = (high != NONE) & (low != high)
    size = int(families.max()) + 1
    family_low, family_high = np.full(size, len(SPLITS), dtype=np.int64), np.full(size, NONE, dtype=np.int64)
    np.minimum.at(family_low, families, low)
    np.maximum.at(family_high, families, high)
    divided = (family_high != NONE) & (family_low != family_high)
    bound = np.where(own != NONE, own, np.where(divided[families], NONE, family_high[families]))
    torn |= divided[families] & (own == NONE)
    return bound.astype(np.int8), torn


def _follow_source(source_splits: I8, families: I64, published: I8, reasons: NDArray[np.object_]) -> I8:
    """Follow the source, but refuse a row whose family is also in a stricter split (test, validation, train)."""
    strictest = np.full(int(families.max()) + 1, NONE, dtype=np.int64)
    np.maximum.at(strictest, families, source_splits.astype(np.int64))  # test outranks validation outranks train
    reasons[source_splits != strictest[families]] = LEAK
    reasons[(published != NONE) & (published != source_splits)] = MOVED
    return source_splits.copy()


def _place(
    splits: I8,
    new: NDArray[np.bool_],
    bonds: U64,
    labels: I64,
    families: I64,
    fractions: Mapping[Split, float],
    salt: str,
) -> None:
    """Set the code of every new row in `splits`, class by class, without separating families."""
    if not new.any():
        return
    shares = np.array([fractions.get(split, 0.0) for split in SPLITS])
    rarity = np.bincount(labels)
    size = int(families.max()) + 1
    # A family of several classes counts for its rarest class, which is the most likely to be missing in a split.
    order = np.lexsort((labels, rarity[labels], families))
    leads = order[np.unique(families[order], return_index=True)[1]]
    stratum = np.zeros(size, dtype=np.int64)
    stratum[families[leads]] = labels[leads]
    token = np.full(size, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(token, families, mix(bonds ^ word_of("split", salt)).min(axis=1))
    rows_of = np.bincount(families[new], minlength=size)
    placed = np.full(size, NONE, dtype=np.int8)
    present = splits != NONE
    for label in np.unique(stratum[rows_of > 0]):
        members = np.flatnonzero((rows_of > 0) & (stratum == label))
        members = members[np.argsort(token[members], kind="stable")]
        counts = np.bincount(splits[present & (labels == label)], minlength=len(SPLITS)).astype(np.float64)
        placed[members] = _fill(rows_of[members], counts, shares)
    splits[new] = placed[families[new]]


def _fill(sizes: I64, counts: NDArray[np.float64], shares: NDArray[np.float64]) -> I8:
    """Codes for families of the given sizes, in hash order, towards `shares` of the class's rows."""
    codes = np.zeros(len(sizes), dtype=np.int8)
    empty = [s for s in np.argsort(-shares, kind="stable") if shares[s] > 0 and counts[s] == 0]
    first = min(len(empty), len(sizes))
    codes[:first] = empty[:first]
    counts = counts + np.bincount(codes[:first], weights=sizes[:first], minlength=len(SPLITS))
    rest = sizes[first:]
    if not len(rest):
        return codes
    lacking = np.maximum(shares * (counts.sum() + rest.sum()) - counts, 0.0)
    bounds = np.cumsum(lacking / lacking.sum()) * rest.sum()
    middle = np.cumsum(rest) - rest / 2.0
    codes[first:] = np.minimum(np.searchsorted(bounds, middle), np.flatnonzero(shares > 0).max())
    return codes
