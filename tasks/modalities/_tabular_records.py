"""Provenance of a child's row: its parents, the transforms with their draws, its label's shares."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augmill.tasks.modalities._tabular_chain import Firing
from augmill.tasks.modalities.modality_contract import I64, Op
from augmill.tasks.rows.provenance import WEIGHTS_TYPE


class Parents:
    """The parents of n children, flat: the base first, then each firing's partners in the chain's order."""

    def __init__(self, bases: I64, firings: Sequence[Firing]) -> None:
        extra = np.zeros(len(bases), dtype=np.int64)
        for firing in firings:
            extra[firing.rows] += firing.partners.shape[1]
        self.offsets = np.concatenate([[0], np.cumsum(extra + 1)]).astype(np.int64)
        self.rows = np.empty(int(self.offsets[-1]), dtype=np.int64)
        self.rows[self.offsets[:-1]] = bases
        self.places: list[I64] = []
        used = np.ones(len(bases), dtype=np.int64)
        for firing in firings:
            width = firing.partners.shape[1]
            places = used[firing.rows][:, None] + np.arange(width)
            self.rows[self.offsets[firing.rows][:, None] + places] = firing.partners
            used[firing.rows] += width
            self.places.append(places)

    def ids(self, names: Sequence[str]) -> pa.Array:
        """`augmill_parent_ids`; `names` are the ids of the pool's rows."""
        unique, inverse = np.unique(self.rows, return_inverse=True)
        unique_ids = pa.array([names[row] for row in unique.tolist()], type=pa.string())
        return pa.ListArray.from_arrays(pa.array(self.offsets, type=pa.int32()), unique_ids.take(pa.array(inverse)))


def ops_text(ops: Sequence[Op], firings: Sequence[Firing], parents: Parents, count: int) -> pa.Array:
    """`augmill_ops`: canonical JSON, one string per child; `partners` are places in `augmill_parent_ids`."""
    texts: list[str] | None = None
    for firing, places in zip(firings, parents.places, strict=True):
        own = _op_texts(ops[firing.position].use, firing, places)
        if texts is None and len(own) == count:
            texts = own
            continue
        texts = [""] * count if texts is None else texts
        for row, text in zip(firing.rows.tolist(), own, strict=True):
            texts[row] = f"{texts[row]},{text}" if texts[row] else text
    return pa.array([f"[{text}]" for text in texts or [""] * count], type=pa.string())


def _op_texts(use: str, firing: Firing, places: I64) -> list[str]:
    draws = {key: array for key, array in firing.draws.items() if not key.startswith("_")}
    if "partners" in draws:
        draws["partners"] = places
    names = sorted(draws)
    # By hand, and in step with json.dumps(sort_keys=True): a million calls of it would take ten times as long.
    slots = ",".join(f"{json.dumps(name)}:%s" for name in names)
    pattern = f'{{"drawn":{{{slots}}},"position":{firing.position},"use":{json.dumps(use)}}}'
    if not names:
        return [pattern] * len(firing.rows)
    return [pattern % values for values in zip(*(_texts(draws[name]) for name in names), strict=True)]


def _texts(array: NDArray[Any]) -> list[str]:
    if array.dtype.kind == "U":
        return list(map(json.dumps, array.tolist()))
    if array.ndim == 1:
        return list(map(repr, array.tolist()))
    if array.shape[1] == 1:
        return [f"[{value!r}]" for value in array[:, 0].tolist()]
    return [repr(row).replace(" ", "") for row in array.tolist()]


def label_weights(ops: Sequence[Op], firings: Sequence[Firing], parents: Parents, labels: Sequence[str]) -> pa.Array:
    """`augmill_label_weights`: null unless mixed, else the labels' shares, the base's first, equal labels merged."""
    count = len(parents.offsets) - 1
    shares, mixed = _shares(ops, firings, parents, count)
    if not mixed.any():
        return pa.nulls(count, WEIGHTS_TYPE)
    child = np.repeat(np.arange(count), np.diff(parents.offsets))
    counted = np.flatnonzero(mixed[child] & (shares > 0.0))
    unique, codes = np.unique(parents.rows[counted], return_inverse=True)
    text = pa.array([labels[row] for row in unique.tolist()], type=pa.string()).dictionary_encode()
    codes = text.indices.to_numpy()[codes].astype(np.int64)
    pair = child[counted] * len(text.dictionary) + codes
    _, first, inverse = np.unique(pair, return_index=True, return_inverse=True)
    order = np.argsort(first)
    sums = np.bincount(inverse, weights=shares[counted])[order]
    pairs = first[order]
    structs = pa.StructArray.from_arrays(
        [text.dictionary.take(pa.array(codes[pairs])), pa.array(sums)], fields=list(WEIGHTS_TYPE.value_type)
    )
    sizes = np.bincount(child[counted][pairs], minlength=count)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    marks = pa.array(offsets, type=pa.int32(), mask=np.append(~mixed, False))
    return pa.ListArray.from_arrays(marks, structs, type=WEIGHTS_TYPE)


def _shares(
    ops: Sequence[Op], firings: Sequence[Firing], parents: Parents, count: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    shares = np.zeros(len(parents.rows), dtype=np.float64)
    shares[parents.offsets[:-1]] = 1.0
    mixed = np.zeros(count, dtype=bool)
    for firing, places in zip(firings, parents.places, strict=True):
        if ops[firing.position].module.BEHAVIOUR.label != "mix":
            continue
        base_shares = np.ones(count, dtype=np.float64)
        base_shares[firing.rows] = firing.draws["weight"]
        shares *= np.repeat(base_shares, np.diff(parents.offsets))
        shares[parents.offsets[firing.rows] + places[:, 0]] = 1.0 - firing.draws["weight"]
        mixed[firing.rows] = True
    return shares, mixed
