"""The model of the verifier: kernel ridge regression on landmarks, with every fold left out in closed form.

Sums over folds are additive, so the model without one or two folds is one small linear solve: no refit, no random
start, no iteration count, and the same bits on every run. On the tabular sets it was compared on, it separates classes
as well as logistic regression, shrunken LDA and boosted trees, and detects more artificial label swaps in rare classes;
it is stored as plain arrays.

Rows are scored in padded blocks of one fixed size: BLAS chooses its kernels by shape, and a row's score must not
depend on the number of rows that are scored with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augmill.tasks.stats import scaling as scalings
from augmill.tasks.stats.scaling import Scaling
from augmill.tasks.verifiers.folds import FOLDS

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

BLOCK = 1024
LANDMARKS_RANGE = (256, 1024)
LANDMARKS_PER_CLASS = 50
WIDTH = 0.5
"""Kernel width over the median squared distance of landmarks; 0.3 to 1 differ little on the sets measured."""
RIDGE = 1.0
SMALLEST = 1e-6

SETS: tuple[tuple[int, ...], ...] = (*((f,) for f in range(FOLDS)), *combinations(range(FOLDS), 2))
"""The sets of folds that a model can leave out: one fold, or two for children of two parents."""
SET_OF: dict[tuple[int, ...], int] = {folds: number for number, folds in enumerate(SETS)}

_ARRAYS = ("landmarks", "landmark_class", "landmark_fold", "gamma", "weights")


@dataclass(frozen=True)
class Kernel:
    """The fitted model: m landmarks of c classes in d kept features, one weight matrix (m, c) per fold set."""

    scaling: Scaling
    landmarks: F64
    landmark_class: I64
    landmark_fold: I64
    gamma: F64
    weights: F64

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays by name, to be stored."""
        return self.scaling.arrays() | {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Kernel:
        """The model from stored arrays."""
        return cls(Scaling.of(arrays), **{name: arrays[name] for name in _ARRAYS})

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.weights.shape[2])

    def scores(self, features: F64, sets: I64) -> tuple[F64, F64]:
        """Score (n, c) per class, and distance (n, c) to the nearest landmark of the class in [0, 1].

        Row i is judged by the model, and against the landmarks, that leave out the folds of `SETS[sets[i]]`.
        """
        scores = np.empty((len(features), self.classes))
        distances = np.empty_like(scores)
        starts = np.searchsorted(self.landmark_class, np.arange(self.classes))
        left_out = np.array([np.isin(self.landmark_fold, folds) for folds in SETS])
        flat = np.ascontiguousarray(self.weights.transpose(1, 0, 2).reshape(len(self.landmarks), -1))
        for rows, block in _blocks(features):
            near = similarity(self.scaling.apply(block), self.landmarks, float(self.gamma[0]))
            chosen = sets[rows]
            every = (near @ flat).reshape(BLOCK, len(SETS), self.classes)
            scores[rows] = every[np.arange(len(chosen)), chosen]
            allowed_similarity = np.where(left_out[chosen], 0.0, near[: len(chosen)])
            distances[rows] = 1.0 - np.maximum.reduceat(allowed_similarity, starts, axis=1)
        return scores, distances


def fit(features: F64, codes: I64, folds: I64, classes: int) -> Kernel:
    """Fit on rows in a fixed order (by id); every class in `codes` must have a row."""
    scaling = scalings.fit(features)
    scaled = scaling.apply(features)
    rows = _landmark_rows(codes, classes)
    landmarks = np.ascontiguousarray(scaled[rows])
    gamma = _gamma(landmarks)
    values, vectors = np.linalg.eigh(similarity(landmarks, landmarks, gamma))
    whiten = vectors / np.sqrt(np.maximum(values, SMALLEST))
    grams, targets = _sums(scaled, landmarks, gamma, whiten, codes, folds, classes)
    ridge = RIDGE * np.eye(len(rows))
    weights = np.empty((len(SETS), len(rows), classes))
    for number, left_out in enumerate(SETS):
        gram = grams.sum(axis=0) - grams[list(left_out)].sum(axis=0) + ridge
        target = targets.sum(axis=0) - targets[list(left_out)].sum(axis=0)
        weights[number] = whiten @ np.linalg.solve(gram, target)
    return Kernel(scaling, landmarks, codes[rows], folds[rows], np.array([gamma]), weights)


def similarity(first: F64, second: F64, gamma: float) -> F64:
    """Gaussian kernel of all pairs, shape (n, m), in (0, 1]."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :] - 2.0 * (first @ second.T)
    return np.asarray(np.exp(-gamma * np.maximum(squares, 0.0)), dtype=np.float64)


def _blocks(features: F64) -> Iterator[tuple[slice, F64]]:
    for start in range(0, len(features), BLOCK):
        part = features[start : start + BLOCK]
        if len(part) < BLOCK:
            part = np.concatenate([part, np.zeros((BLOCK - len(part), features.shape[1]))])
        yield slice(start, min(start + BLOCK, len(features))), part


def _landmark_rows(codes: I64, classes: int) -> I64:
    per_class = int(np.clip(LANDMARKS_PER_CLASS * classes, *LANDMARKS_RANGE)) // classes
    return np.concatenate([np.flatnonzero(codes == code)[: max(1, per_class)] for code in range(classes)])


def _gamma(landmarks: F64) -> float:
    squares = (landmarks**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2.0 * (landmarks @ landmarks.T)
    positive = distances[distances > 1e-9]
    return WIDTH / float(np.median(positive)) if len(positive) else WIDTH


def _sums(
    scaled: F64, landmarks: F64, gamma: float, whiten: F64, codes: I64, folds: I64, classes: int
) -> tuple[F64, F64]:
    """Per fold: weighted Gram matrix (m, m) and targets (m, c); every class weighs the same."""
    size = len(landmarks)
    grams, targets = np.zeros((FOLDS, size, size)), np.zeros((FOLDS, size, classes))
    weight = len(codes) / (classes * np.bincount(codes, minlength=classes))[codes]
    for fold in range(FOLDS):
        rows = np.flatnonzero(folds == fold)
        mapped = similarity(scaled[rows], landmarks, gamma) @ whiten
        heavy = mapped * weight[rows, None]
        grams[fold] = mapped.T @ heavy
        targets[fold] = heavy.T @ np.eye(classes)[codes[rows]]
    return grams, targets
