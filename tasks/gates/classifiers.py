"""Small, fast students that are trained alike on two sets of rows, to see which set teaches more.

Same budget: as many boosting rounds or fitting steps, leaves of the same size, and weights that add up to the same,
so that regularisation weighs as much. A student of one draw sees a bootstrap of the real rows, and of the new rows
those whose parents are all in it: what is not drawn must not teach through its children.
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
"""Trees of one student over all classes: so that many classes take no longer than two."""
ROUNDS = (8, 20)
LEAVES = 8
LEARNING_RATE = 0.25
FEWEST_IN_LEAF = 5
STEPS = 60
POISSON = np.cumsum(np.exp(-1.0) / np.array([1.0, 1.0, 2.0, 6.0, 24.0, 120.0, 720.0]))
"""The distribution function of a Poisson variable of mean 1, from 0 to 6: how often a bootstrap draws a row."""


@dataclass(frozen=True)
class TrainingSet:
    """Rows to learn from, real and new together. `steps` (n,) is -1 for real rows, else which step made the row;
    `strata` (n,) say which rows a draw must keep in proportion; `draws` (n,) is how often each was drawn."""

    inputs: NDArray[Any]
    codes: I64
    weights: F64
    steps: I64
    strata: I64
    draws: F64


@dataclass(frozen=True)
class EvaluationSet:
    """Validation rows: `inputs` (n, d), true classes `codes` (n,), what each row stands for in `weights` (n,), how
    often each stands in the rows as they are and in each resample (`counts`, (1 + b, n)), and what is judged."""

    inputs: NDArray[Any]
    codes: I64
    weights: F64
    counts: NDArray[np.uint8]
    judged: tuple[int, ...]
    metric: str
    precision: float


@dataclass(frozen=True)
class EvaluationJob:
    """One student for one worker: what to learn from, the steps whose rows it is given, the questions."""

    name: str
    lesson: TrainingSet
    steps: tuple[int, ...]
    questions: EvaluationSet
    classes: int
    student: str


def drawn(words: U64, seed: int, draw: int) -> F64:
    """How often rows with these id words are drawn, shape (n,): of the id alone, so children can ask for parents."""
    seeds = child_seeds(word_of("model_delta", seed, draw), words, np.zeros(len(words), dtype=np.int64))
    return np.searchsorted(POISSON, uniforms(seeds, "bootstrap"), side="right").astype(np.float64)


def fit_preprocessor(student: str, real: F64) -> Callable[[F64], NDArray[Any]]:
    """How features become inputs of a student, from real training rows: the same for both sides.

    For trees, the bins they would find themselves, once instead of once per student; else standard deviations.
    """
    if student == "boosting":
        inner = np.linspace(0.0, 1.0, BINS + 1)[1:-1]
        edges = [np.unique(np.quantile(column, inner, method="nearest")) for column in real.T]
        return partial(_bins, edges)
    mean, spread = real.mean(axis=0), np.maximum(real.std(axis=0), 1e-9)
    return lambda features: (features - mean) / spread


def _bins(edges: Sequence[F64], features: F64) -> NDArray[np.uint8]:
    columns = [np.searchsorted(mine, column, side="left") for mine, column in zip(edges, features.T, strict=True)]
    return np.stack(columns, axis=1).astype(np.uint8) if columns else np.zeros((len(features), 0), dtype=np.uint8)


def train_and_score(exam: EvaluationJob) -> F64:
    """Worker: train a student and judge its answers: the metric of each class in each resample.

    Shape (judged classes, 1 + resamples); the first of the last axis are the validation rows as they are.
    """
    from threadpoolctl import threadpool_limits

    asked = exam.questions
    metric = score_metrics.named(asked.metric, asked.precision)
    with threadpool_limits(1):
        answers = _answers(exam)
    return metric(answers, asked.codes, asked.counts * asked.weights, asked.judged).T


def _answers(exam: EvaluationJob) -> F64:
    """Probabilities, shape (questions, classes)."""
    lesson = exam.lesson
    weights = np.where((lesson.steps < 0) | np.isin(lesson.steps, exam.steps), lesson.draws, 0.0)
    weights = _in_proportion(lesson, weights)
    there = weights > 0.0
    found = np.zeros((len(exam.questions.inputs), exam.classes))
    known = np.unique(lesson.codes[there])
    if len(known) == 1:
        found[:, known] = 1.0
        return found
    model = _student(exam.student, len(known))
    mine = weights[there] * (np.count_nonzero(lesson.steps < 0) / weights.sum())
    model.fit(lesson.inputs[there], lesson.codes[there], sample_weight=mine)
    found[:, known] = model.predict_proba(exam.questions.inputs)
    return found


def _in_proportion(lesson: TrainingSet, draws: F64) -> F64:
    """Weights such that every class of real rows, and of each step, weighs what it weighs in the version."""
    size = int(lesson.strata.max()) + 1
    wanted = np.bincount(lesson.strata, lesson.weights, size)
    got = np.bincount(lesson.strata, lesson.weights * draws, size)
    scale = np.divide(wanted, got, out=np.zeros(size), where=got > 0.0)
    return lesson.weights * draws * scale[lesson.strata]


def _student(name: str, classes: int) -> Any:
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
