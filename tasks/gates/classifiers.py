"""Small, fast classifiers that are trained in the same way on two sets of rows, to compare what the sets are worth.

Both have the same budget: the same number of boosting rounds or fitting steps, leaves of the same size, and weights
with the same sum, so that regularisation has the same effect. The classifier of one draw is trained on a bootstrap of
the real rows and on the new rows whose parents are all in it: rows that are not drawn must not act through children.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augmill.tasks.gates.gate_contract import F64, U64
from augmill.tasks.rows.randomness import child_seeds, uniforms, word_of
from augmill.tasks.stats import score_metrics

I64 = NDArray[np.int64]

BINS = 32
TREES = 80
"""Trees of one classifier over all classes: so that many classes take no longer than two."""
ROUNDS = (8, 20)
LEAVES = 8
LEARNING_RATE = 0.25
FEWEST_IN_LEAF = 5
STEPS = 60
POISSON = np.cumsum(np.exp(-1.0) / np.array([1.0, 1.0, 2.0, 6.0, 24.0, 120.0, 720.0]))
"""The distribution function of a Poisson variable of mean 1, from 0 to 6: how often a bootstrap draws a row."""


@dataclass(frozen=True)
class TrainingSet:
    """Training rows, real and new together. `steps` (n,) is -1 for real rows, else the number of the step that made
    the row; `strata` (n,) are the groups whose total weight a draw must not change; `draws` (n,) is how often each row
    was drawn."""

    inputs: NDArray[Any]
    codes: I64
    weights: F64
    steps: I64
    strata: I64
    draws: F64


@dataclass(frozen=True)
class EvaluationSet:
    """Validation rows: `inputs` (n, d), true classes `codes` (n,), `weights` (n,), how often each row occurs in the
    original rows and in each of b resamples (`counts`, (1 + b, n)), and the classes that are judged."""

    inputs: NDArray[Any]
    codes: I64
    weights: F64
    counts: NDArray[np.uint8]
    judged: tuple[int, ...]
    metric: str
    precision: float


@dataclass(frozen=True)
class EvaluationJob:
    """One classifier for one worker: its training rows, the steps whose new rows it uses, the validation rows."""

    name: str
    training: TrainingSet
    steps: tuple[int, ...]
    evaluation: EvaluationSet
    classes: int
    classifier: str


def bootstrap_counts(words: U64, seed: int, draw: int) -> F64:
    """How often rows with these id words are drawn, shape (n,). It depends on the id alone, so that the draws of a
    child's parents can be computed from their ids."""
    seeds = child_seeds(word_of("model_delta", seed, draw), words, np.zeros(len(words), dtype=np.int64))
    return np.searchsorted(POISSON, uniforms(seeds, "bootstrap"), side="right").astype(np.float64)


def fit_preprocessor(student: str, real: F64) -> Callable[[F64], NDArray[Any]]:
    """The function that turns features into inputs of a classifier, fitted on real training rows; both sides use it.

    For trees it computes the bins once, instead of once per classifier; otherwise it standardises.
    """
    if student == "boosting":
        inner = np.linspace(0.0, 1.0, BINS + 1)[1:-1]
        edges = [np.unique(np.quantile(column, inner, method="nearest")) for column in real.T]
        return partial(_bin_codes, edges)
    mean, spread = real.mean(axis=0), np.maximum(real.std(axis=0), 1e-9)
    return lambda features: (features - mean) / spread


def _bin_codes(edges: Sequence[F64], features: F64) -> NDArray[np.uint8]:
    columns = [np.searchsorted(inner, column, side="left") for inner, column in zip(edges, features.T, strict=True)]
    return np.stack(columns, axis=1).astype(np.uint8) if columns else np.zeros((len(features), 0), dtype=np.uint8)


def train_and_score(job: EvaluationJob) -> F64:
    """Run in a worker: train a classifier and compute the metric of each class in each resample.

    Shape (judged classes, 1 + resamples); index 0 of the last axis is for the original validation rows.
    """
    from threadpoolctl import threadpool_limits

    evaluation = job.evaluation
    metric = score_metrics.metric_by_name(evaluation.metric, evaluation.precision)
    with threadpool_limits(1):
        probabilities = _probabilities(job)
    return metric(probabilities, evaluation.codes, evaluation.counts * evaluation.weights, evaluation.judged).T


def _probabilities(job: EvaluationJob) -> F64:
    """Predicted probabilities of the validation rows, shape (rows, classes)."""
    training = job.training
    weights = np.where((training.steps < 0) | np.isin(training.steps, job.steps), training.draws, 0.0)
    weights = _rebalanced_weights(training, weights)
    used = weights > 0.0
    probabilities = np.zeros((len(job.evaluation.inputs), job.classes))
    codes = np.unique(training.codes[used])
    if len(codes) == 1:
        probabilities[:, codes] = 1.0
        return probabilities
    model = _classifier(job.classifier, len(codes))
    sample_weight = weights[used] * (np.count_nonzero(training.steps < 0) / weights.sum())
    model.fit(training.inputs[used], training.codes[used], sample_weight=sample_weight)
    probabilities[:, codes] = model.predict_proba(job.evaluation.inputs)
    return probabilities


def _rebalanced_weights(training: TrainingSet, draws: F64) -> F64:
    """Weights of drawn rows such that every stratum has the same total weight as in the version."""
    size = int(training.strata.max()) + 1
    totals = np.bincount(training.strata, training.weights, size)
    drawn_totals = np.bincount(training.strata, training.weights * draws, size)
    scale = np.divide(totals, drawn_totals, out=np.zeros(size), where=drawn_totals > 0.0)
    return training.weights * draws * scale[training.strata]


def _classifier(name: str, classes: int) -> Any:
    if name == "logistic":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=STEPS, tol=1e-3)
    from sklearn.ensemble import HistGradientBoostingClassifier

    rounds = int(np.clip(TREES // classes, *ROUNDS))
    return HistGradientBoostingClassifier(
        max_iter=rounds,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=FEWEST_IN_LEAF,
        max_bins=BINS,
        learning_rate=LEARNING_RATE,
        early_stopping=False,
    )
