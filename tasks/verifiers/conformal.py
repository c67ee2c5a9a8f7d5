"""The verifier: scores a child's label with models that were not fitted on its parents (class-conditional conformal
prediction, Vovk 2012; cross-fitted as in Vovk 2015).

Two tests per class, both calibrated on held-out real rows of that class at level alpha:

* *plausible*: no other class's score exceeds the class's score by more than the threshold from real rows of the class;
* *typical*: the child's distance to the class's real rows is within the threshold from real rows of the class.

The prediction set of a child holds the classes that pass both. The child's outcome is then

consistent     its label passes both
contradicted   its label is not plausible, and another class passes both: evidence of a wrong label
unfamiliar     anything else: outside the known distribution, as augmentation intends, but no evidence against it
too_few        its class has so few real rows that no alpha below `MAX_REACHED_ALPHA` can be reached

So a share of at most alpha of the real rows is contradicted. A mixed label is judged as its mixture: one of its labels
must pass both; it is contradicted only if none is plausible and a label outside the mixture passes both.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.policies.errors import DataError
from augmill.tasks.rows.arrays import packed, unpacked
from augmill.tasks.verifiers import kernel_ridge as kernels
from augmill.tasks.verifiers.calibration import (
    CONTRADICTED,
    OUTCOMES,
    Calibration,
    accuracy,
    calibrate,
    excess,
    noise_floor,
    outcomes,
)
from augmill.tasks.verifiers.folds import FOLDS, assign, hash_order
from augmill.tasks.verifiers.kernel_ridge import SET_OF, Kernel

__all__ = ["CONTRADICTED", "Verifier", "fit"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Verifier:
    """A fitted verifier: only arrays and figures, the same on every machine that loads it."""

    classes: tuple[str, ...]
    alpha: float
    kernel: Kernel
    calibrations: tuple[Calibration, Calibration]
    keys: tuple[str, ...]
    key_folds: I64
    accuracy: float
    floor: tuple[dict[str, Any], ...]

    def judge(
        self,
        features: F64,
        labels: Sequence[str] | pa.Array,
        parents: Sequence[Sequence[str]] | pa.Array,
        label_weights: pa.Array | None = None,
    ) -> pa.Table:
        """Score children: one row per child, in order; each row depends on that child only.

        `features` (n, d) as at fit; `parents` their parents' ids, or the parents' groups if groups were given at
        fit; `label_weights` as in provenance, null for a hard label. Columns: `outcome`, `predicted`,
        `prediction_set`, `nonconformity` with its `threshold` and conformal `p_value` for the label (the best one
        of a mixture), `distance` with `distance_threshold`, `left_out` (folds), `unseen` (false if three or more
        parents lie in so many folds that the model was fitted on one of them).
        """
        from threadpoolctl import threadpool_limits

        first, second, unseen = self._parent_folds(parents, len(features))
        sets = np.array([SET_OF[(a,)] if b < 0 else SET_OF[tuple(sorted((a, b)))] for a, b in _PAIRS])
        chosen = sets[first * (FOLDS + 1) + second + 1]
        with threadpool_limits(limits=1):
            scores, distance = self.kernel.scores(features, chosen)
        own = _label_classes(labels, label_weights, self.classes)
        two = (second >= 0).astype(np.int64)
        return self._table(excess(scores), distance, scores.argmax(axis=1), own, two, first, second, unseen)

    def noise_floor(self) -> list[dict[str, Any]]:
        """Figures of held-out real rows per class, to compare the figures of children with.

        `rows`, `reached_alpha`, `contradicted_rate`, `unfamiliar_rate`, `too_few`, and `catch_rate`: the share of
        real rows of the other classes that would be contradicted if they were given this label. Rates of a class
        with too few rows are None.
        """
        return [dict(figures) for figures in self.floor]

    def to_bytes(self) -> bytes:
        """The verifier as an npz file without pickled objects; equal verifiers give equal bytes."""
        arrays: dict[str, Any] = self.kernel.arrays() | {"key_folds": self.key_folds}
        for number, calibration in enumerate(self.calibrations):
            for position in range(len(self.classes)):
                arrays[f"order.{number}.{position}"] = calibration.order[position]
                arrays[f"distance.{number}.{position}"] = calibration.distance[position]
        facts = {"classes": self.classes, "alpha": self.alpha, "keys": self.keys}
        facts |= {"accuracy": self.accuracy, "floor": self.floor}
        arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
        return packed(arrays)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Verifier:
        """The verifier that `to_bytes` stored."""
        arrays = unpacked(stored)
        facts = json.loads(arrays["facts"].tobytes())
        positions = range(len(facts["classes"]))
        calibrations = [
            Calibration(
                tuple(arrays[f"order.{number}.{position}"] for position in positions),
                tuple(arrays[f"distance.{number}.{position}"] for position in positions),
            )
            for number in range(2)
        ]
        return cls(
            tuple(facts["classes"]),
            facts["alpha"],
            Kernel.of(arrays),
            (calibrations[0], calibrations[1]),
            tuple(facts["keys"]),
            arrays["key_folds"],
            facts["accuracy"],
            tuple(facts["floor"]),
        )

    def _parent_folds(self, parents: Sequence[Sequence[str]] | pa.Array, rows: int) -> tuple[I64, I64, Mask]:
        lists = parents if isinstance(parents, pa.Array) else pa.array(list(parents), pa.list_(pa.string()))
        lengths = np.nan_to_num(pc.list_value_length(lists).to_numpy(zero_copy_only=False)).astype(np.int64)
        places = pc.index_in(lists.flatten(), value_set=pa.array(self.keys, pa.string()))
        row = places.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        child, fitted = np.repeat(np.arange(rows), lengths), row >= 0
        child, fold = child[fitted], self.key_folds[row[fitted]]
        # No model was fitted on a parent outside the training rows; any model may judge.
        first, second = np.zeros(rows, dtype=np.int64), np.full(rows, -1, dtype=np.int64)
        first[child[::-1]] = fold[::-1]
        other = fold != first[child]
        second[child[other][::-1]] = fold[other][::-1]
        unseen = np.ones(rows, dtype=bool)
        unseen[child[(fold != first[child]) & (fold != second[child])]] = False
        return first, second, unseen

    def _table(
        self, order: F64, distance: F64, best: I64, own: Mask, two: I64, first: I64, second: I64, unseen: Mask
    ) -> pa.Table:
        limits = [calibration.thresholds(self.alpha) for calibration in self.calibrations]
        order_limit = np.stack([limit[0] for limit in limits])[two]
        distance_limit = np.stack([limit[1] for limit in limits])[two]
        judged = np.array([not figures["too_few"] for figures in self.floor])
        codes, could = outcomes(order <= order_limit, distance <= distance_limit, own, judged)
        rows, label = np.arange(len(order)), np.where(own, order - order_limit, np.inf).argmin(axis=1)
        no_label = ~own.any(axis=1)
        names = pa.array(self.classes, pa.string())
        columns = {
            "outcome": pa.array(OUTCOMES, pa.string()).take(pa.array(codes)),
            "predicted": names.take(pa.array(best)),
            "prediction_set": _prediction_sets(could, names),
            "nonconformity": pa.array(order[rows, label], mask=no_label),
            "threshold": pa.array(order_limit[rows, label], mask=no_label),
            "p_value": pa.array(self._p_values(order[rows, label], label, two), mask=no_label),
            "distance": pa.array(distance[rows, label], mask=no_label),
            "distance_threshold": pa.array(distance_limit[rows, label], mask=no_label),
            "left_out": _left_out_folds(first, second),
            "unseen": pa.array(unseen),
        }
        return pa.table(columns)

    def _p_values(self, values: F64, label: I64, two: I64) -> F64:
        p = np.ones(len(values))
        for number, calibration in enumerate(self.calibrations):
            for position, scores in enumerate(calibration.order):
                rows = (two == number) & (label == position)
                at_least = len(scores) - np.searchsorted(scores, values[rows], side="left")
                p[rows] = (at_least + 1) / (len(scores) + 1)
        return p


def fit(
    features: F64,
    labels: Sequence[str],
    ids: Sequence[str],
    alpha: float,
    seed: int,
    groups: Sequence[str] | None = None,
) -> Verifier:
    """Fit on real training rows, in any order; `features` (n, d) finite. Rows should come from `folds.select`.

    Raises DataError if there are fewer than two classes.
    """
    from threadpoolctl import threadpool_limits

    classes, codes = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    if len(classes) < 2:
        raise DataError(
            f"The training rows have {len(classes)} class, so no verifier can judge labels.",
            "Give a label column with two classes or more, or leave `label` out of the policy.",
        )
    order = hash_order(ids, codes.astype(np.int64), seed, groups)
    folds = assign(ids, labels, seed, groups)[order]
    codes = codes.astype(np.int64)[order]
    with threadpool_limits(limits=1):
        model = kernels.fit(features[order], codes, folds, len(classes))
        single_sets = np.array([SET_OF[(fold,)] for fold in folds])
        pair_sets = np.array([SET_OF[tuple(sorted((fold, (fold + 1) % FOLDS)))] for fold in folds])
        held_out = [model.scores(features[order], sets) for sets in (single_sets, pair_sets)]
    first, second = (calibrate(excess(scores), distance, codes, len(classes)) for scores, distance in held_out)
    names = tuple(str(name) for name in classes)
    scores, distance = held_out[0]
    floor = noise_floor(excess(scores), distance, codes, names, first, alpha)
    keys = np.asarray(ids if groups is None else groups, dtype=object)[order]
    _, first_rows = np.unique(keys.astype(str), return_index=True)
    return Verifier(
        names,
        alpha,
        model,
        (first, second),
        tuple(str(key) for key in keys[first_rows]),
        folds[first_rows],
        accuracy(scores, codes, len(classes)),
        tuple(floor),
    )


_PAIRS = [(a, b if a != b else -1) for a in range(FOLDS) for b in range(-1, FOLDS)]


def _label_classes(labels: Sequence[str] | pa.Array, label_weights: pa.Array | None, classes: Sequence[str]) -> Mask:
    """Which classes each child's label holds, shape (n, c)."""
    names = pa.array(classes, pa.string())
    texts = labels if isinstance(labels, pa.Array) else pa.array(list(labels), pa.string())
    code = pc.index_in(texts, value_set=names).fill_null(-1).to_numpy(zero_copy_only=False)
    own = np.zeros((len(texts), len(classes)), dtype=bool)
    own[np.flatnonzero(code >= 0), code[code >= 0]] = True
    if label_weights is None or label_weights.null_count == len(label_weights):
        return own
    lengths = pc.list_value_length(label_weights).fill_null(0).to_numpy(zero_copy_only=False)
    flat = label_weights.flatten()
    mixed = pc.index_in(flat.field("label"), value_set=names).fill_null(-1).to_numpy(zero_copy_only=False)
    positive = (mixed >= 0) & (flat.field("weight").to_numpy(zero_copy_only=False) > 0.0)
    own[np.repeat(np.arange(len(texts)), lengths)[positive], mixed[positive]] = True
    return own


def _prediction_sets(could: Mask, names: pa.Array) -> pa.ListArray:
    offsets = np.r_[0, np.cumsum(could.sum(axis=1))].astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), names.take(pa.array(np.nonzero(could)[1])))


def _left_out_folds(first: I64, second: I64) -> pa.ListArray:
    both = np.stack([first, second], axis=1)
    offsets = np.r_[0, np.cumsum((both >= 0).sum(axis=1))].astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(both[both >= 0].astype(np.int8)))
