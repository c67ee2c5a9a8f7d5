"""Metrics that suit imbalance, class by class, for many weightings of the same rows at once.

`probabilities` (n, c), `codes` (n,) the true classes, `weights` (b, n): how much each row counts in each of b
resamples, `judged` the classes asked for. The answer is (b, judged): the figure of every such class in every
resample, NaN where a class has no row in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Judged = Sequence[int]
Metric = Callable[[F64, I64, F64, Judged], F64]


def named(metric: str, precision: float) -> Metric:
    """The metric that a policy calls by this name."""
    found: dict[str, Metric] = {
        "average_precision": average_precision,
        "balanced_accuracy": recall,
        "recall_at_precision": recall_at_precision(precision),
        "macro_f1": f1,
    }
    return found[metric]


def average_precision(probabilities: F64, codes: I64, weights: F64, judged: Judged) -> F64:
    """Mean precision over the rows of a class, each at its own rank; ties share the precision at their end."""

    def one(found: F64, given: F64, total: F64) -> F64:
        gained = np.diff(found, axis=1, prepend=0.0)
        return np.asarray((gained * found / np.maximum(given, 1e-300)).sum(axis=1) / total)

    return _ranked(probabilities, codes, weights, judged, one)


def recall_at_precision(precision: float) -> Metric:
    """The largest share of a class that is found while at least `precision` of what is named is right."""

    def metric(probabilities: F64, codes: I64, weights: F64, judged: Judged) -> F64:
        def one(found: F64, given: F64, total: F64) -> F64:
            held = found >= precision * given - 1e-12
            return np.asarray(np.where(held, found, 0.0).max(axis=1) / total)

        return _ranked(probabilities, codes, weights, judged, one)

    return metric


def recall(probabilities: F64, codes: I64, weights: F64, judged: Judged) -> F64:
    """The share of each class that is named; their mean is the balanced accuracy."""
    hits, truly, _ = _confusion(probabilities, codes, weights, judged)
    return np.asarray(_share(hits, truly))


def f1(probabilities: F64, codes: I64, weights: F64, judged: Judged) -> F64:
    """The harmonic mean of precision and recall of each class; their mean is macro F1."""
    hits, truly, named = _confusion(probabilities, codes, weights, judged)
    return np.where(truly > 0.0, _share(2.0 * hits, np.where(truly > 0.0, truly + named, np.nan)), np.nan)


def _ranked(probabilities: F64, codes: I64, weights: F64, judged: Judged, one: Callable[[F64, F64, F64], F64]) -> F64:
    """For each class, what was found and what was named down to each threshold, shapes (b, thresholds).

    Thresholds at which no row of the class is found are left out: recall does not move, and precision only falls.
    """
    figures = np.full((len(weights), len(judged)), np.nan)
    for place, label in enumerate(judged):
        scores, mine = probabilities[:, label], codes == label
        order = np.argsort(-scores, kind="stable")
        ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0.0, True))
        hits = np.add.reduceat(mine[order], np.append(0, ends[:-1] + 1)) if len(order) else ends
        ends = ends[hits > 0]
        if not len(ends):
            continue
        starts = np.append(0, ends[:-1] + 1)
        # Rows behind the last end are named after all of the class are found.
        counted = weights[:, order[: ends[-1] + 1]]
        named = np.cumsum(np.add.reduceat(counted, starts, axis=1), axis=1)
        counted *= mine[order[: ends[-1] + 1]]
        found = np.cumsum(np.add.reduceat(counted, starts, axis=1), axis=1)
        there = found[:, -1] > 0.0
        figures[there, place] = one(found[there], named[there], found[there][:, -1])
    return figures


def _confusion(probabilities: F64, codes: I64, weights: F64, judged: Judged) -> tuple[F64, F64, F64]:
    """Weight of the right answers, of the rows and of the answers of each class, each (b, judged)."""
    answers = probabilities.argmax(axis=1)
    classes = np.eye(probabilities.shape[1])[:, list(judged)]
    truly, named = weights @ classes[codes], weights @ classes[answers]
    hits = (weights * (answers == codes)) @ classes[codes]
    return hits, truly, named


def _share(part: F64, whole: F64) -> F64:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0.0)


def resamples(rows: int, wanted: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """How often each row counts in the rows as they are, then in `wanted` bootstraps of them: (1 + wanted, rows)."""
    counts = random.poisson(1.0, (wanted, rows)).astype(np.uint8)
    return np.vstack([np.ones((1, rows), dtype=np.uint8), counts])
