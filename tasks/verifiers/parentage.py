"""Structural checks as columns: do a child's parents exist, are they allowed, and does its label follow from theirs?

All checks are vectorised over children: a million children against a million real rows take seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.tasks.rows import provenance as at
from augmill.tasks.transforms.transform_contract import Behaviour
from augmill.tasks.verifiers.label_rules import LabelRules, transition

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

WEIGHT_SUM_TOLERANCE = 1e-6
"""Recorded weights are float64; a sum that differs from 1 by more than this is wrong, not rounded."""


@dataclass(frozen=True)
class RealIndex:
    """All real rows of the version being made: ids, splits and labels (as text; null where unlabelled)."""

    ids: pa.Array
    splits: pa.Array
    labels: pa.Array
    _sorted: NDArray[np.uint64] = field(init=False, repr=False)
    _order: I64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        words = _words(self.ids)
        order = np.argsort(words, kind="stable")
        object.__setattr__(self, "_sorted", words[order])
        object.__setattr__(self, "_order", order)

    def rows(self, ids: pa.Array) -> I64:
        """The row of each id in the index, -1 if it is not there."""
        if not len(self.ids) or not len(ids):
            return np.full(len(ids), -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(self._sorted, _words(ids)), len(self.ids) - 1)
        rows = self._order[place]
        # Words may collide, so the ids are compared as well.
        same = pc.equal(self.ids.take(pa.array(rows)), ids).fill_null(False)
        return np.where(same.to_numpy(zero_copy_only=False), rows, -1).astype(np.int64)


def structure(
    children: pa.Table,
    index: RealIndex,
    promises: Mapping[str, Behaviour],
    label: str | None = None,
    declared: Mapping[str, LabelRules] | None = None,
) -> pa.Table:
    """One row of booleans per child, true where it holds; never null.

    `children` needs the provenance columns and, with `label`, the label column; `promises` is, per step name, what its
    chain does to labels, `declared` the policy's rules for single labels. Columns: `parents_exist` (all are real
    rows, at least one), `parents_in_training` (no parent is a validation or test row), `child_in_training`,
    `provenance_complete`, and with `label` `label_as_promised`: the label follows from its parents' labels after the
    declared remaps, and no parent has a forbidden label.
    """
    children = children.combine_chunks()
    lists = _list(children, at.PARENT_IDS)
    child, rows = _parents(lists, index, len(children))
    missing = rows < 0
    in_train = pc.equal(index.splits, "train").fill_null(False).to_numpy(zero_copy_only=False)
    leaked = ~missing & ~(in_train[rows] if len(in_train) else np.zeros(len(rows), dtype=bool))
    has_parent = np.bincount(child, minlength=len(children)) > 0
    columns = {
        "parents_exist": has_parent & _none_bad(child, missing, len(children)),
        "parents_in_training": _none_bad(child, leaked, len(children)),
        "child_in_training": _true(pc.equal(_column(children, at.SPLIT), "train")),
        "provenance_complete": _has_provenance(children),
    }
    if label is not None:
        parent_labels = index.labels.cast(pa.string()).take(pa.array(rows, mask=rows < 0))
        parent_labels, allowed = transition(children, declared or {}, child, parent_labels)
        as_promised = _label_as_promised(children, label, promises, child, parent_labels)
        columns["label_as_promised"] = as_promised & _none_bad(child, ~allowed, len(children))
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def unique(ids: pa.Array, index: RealIndex) -> pa.Array:
    """True where no other child and no real row has the child's id. Pass all children at once."""
    encoded = ids.fill_null("").dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    once = np.bincount(codes, minlength=len(encoded.dictionary))[codes] == 1
    return pa.array(once & (index.rows(ids) < 0) & _true(ids.is_valid()))


def in_one_split(keys: pa.Array, splits: pa.Array) -> pa.Array:
    """True where a key (content, id, group) occurs in one split only; null keys pass."""
    frame = pa.table({"key": keys, "split": splits})
    spread = frame.group_by("key").aggregate([("split", "count_distinct")])
    shared = spread.filter(pc.greater(spread["split_count_distinct"], 1))["key"].combine_chunks()
    spread_keys = pc.and_kleene(pc.is_in(keys, value_set=shared.drop_null()), keys.is_valid())
    return pa.array(~_true(spread_keys))


def promise_of(chain: list[Behaviour]) -> Behaviour:
    """The behaviour of a chain: it mixes labels if one of its transforms does."""
    return next((behaviour for behaviour in chain if behaviour.label == "mix"), chain[0])


def _label_as_promised(
    children: pa.Table, label: str, promises: Mapping[str, Behaviour], child: I64, parent_labels: pa.Array
) -> Mask:
    own = _column(children, label).cast(pa.string())
    first = np.full(len(children), -1, dtype=np.int64)
    first[child[::-1]] = np.arange(len(parent_labels))[::-1]
    base = parent_labels.take(pa.array(first, mask=first < 0))
    preserved = _true(pc.equal(own, base))
    weights = _column(children, at.LABEL_WEIGHTS)
    weights = weights.cast(at.WEIGHTS_TYPE) if pa.types.is_null(weights.type) else weights
    mixed = _true(weights.is_valid())
    mixing = [name for name, behaviour in promises.items() if behaviour.label == "mix"]
    may_mix = _true(pc.is_in(_column(children, at.STEP), value_set=pa.array(mixing, pa.string())))
    promised = _true(pc.is_in(_column(children, at.STEP), value_set=pa.array(list(promises), pa.string())))
    # Without recorded weights the mixing transform was not applied to this child, and its label must be the base's.
    as_promised = np.where(
        mixed, may_mix & _mixture_is_sound(own, weights, parent_labels, child, len(children)), preserved
    )
    return np.asarray(promised & as_promised, dtype=bool)


def _mixture_is_sound(own: pa.Array, weights: pa.Array, parent_labels: pa.Array, child: I64, size: int) -> Mask:
    """Weights are in [0, 1], sum to 1, name exactly the parents' labels, and the hard label weighs most."""
    lengths = pc.list_value_length(weights).fill_null(0).to_numpy(zero_copy_only=False)
    owner = np.repeat(np.arange(size), lengths)
    flat = weights.flatten()
    labels, share = flat.field("label"), flat.field("weight").fill_null(np.nan).to_numpy(zero_copy_only=False)
    total = np.bincount(owner, weights=share, minlength=size)
    sound = np.isfinite(share) & (share >= 0.0) & (share <= 1.0)
    heaviest = np.zeros(size)
    np.maximum.at(heaviest, owner, np.where(sound, share, 0.0))
    is_own = _true(pc.equal(labels, own.take(pa.array(owner))))
    own_weight = np.bincount(owner[is_own], weights=share[is_own], minlength=size)
    return np.asarray(
        _none_bad(owner, ~sound, size)
        & (np.abs(total - 1.0) <= WEIGHT_SUM_TOLERANCE)
        & (own_weight >= heaviest - WEIGHT_SUM_TOLERANCE)
        & _same_sets(owner, labels, child, parent_labels, size),
        dtype=bool,
    )


def _same_sets(first_owner: I64, first_labels: pa.Array, second_owner: I64, second_labels: pa.Array, size: int) -> Mask:
    """Per child: whether two lists of labels hold the same labels."""
    both = pa.concat_arrays([first_labels.cast(pa.string()), second_labels.cast(pa.string())]).dictionary_encode()
    width = len(both.dictionary) + 1
    codes = both.indices.fill_null(width - 1).to_numpy(zero_copy_only=False).astype(np.int64)
    first = np.unique(first_owner * width + codes[: len(first_labels)])
    second = np.unique(second_owner * width + codes[len(first_labels) :])
    odd = np.setxor1d(first, second, assume_unique=True) // width
    return np.asarray(np.bincount(odd, minlength=size) == 0)


def _has_provenance(children: pa.Table) -> Mask:
    filled = [_true(pc.greater(pc.utf8_length(_text(children, name)), 0)) for name in _TEXTS]
    origin = pc.is_in(_text(children, at.ORIGIN), value_set=pa.array([at.AUGMENTED, at.SYNTHETIC]))
    deep = pc.greater_equal(_column(children, at.DEPTH).cast(pa.int64()), 1)
    seeded = _column(children, at.SEED).is_valid()
    return np.asarray(np.logical_and.reduce([*filled, _true(origin), _true(deep), _true(seeded)]))


_TEXTS = (at.SAMPLE_ID, at.SPLIT, at.STEP, at.OPS, at.RECIPE_HASH)


def _parents(lists: pa.Array, index: RealIndex, size: int) -> tuple[I64, I64]:
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    return np.repeat(np.arange(size), lengths), index.rows(lists.flatten())


def _none_bad(owner: I64, bad: Mask, size: int) -> Mask:
    return np.asarray(np.bincount(owner[bad], minlength=size) == 0)


def _column(table: pa.Table, name: str) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(len(table))
    column = table[name]
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _text(table: pa.Table, name: str) -> pa.Array:
    return _column(table, name).cast(pa.string())


def _list(table: pa.Table, name: str) -> pa.Array:
    return _column(table, name).cast(pa.list_(pa.string()))


def _true(mask: pa.Array) -> Mask:
    return np.asarray(mask.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)


def _words(ids: pa.Array) -> NDArray[np.uint64]:
    import pandas as pd

    text = ids.fill_null("").to_numpy(zero_copy_only=False)
    return np.asarray(pd.util.hash_array(np.asarray(text, dtype=object), categorize=False), dtype=np.uint64)
