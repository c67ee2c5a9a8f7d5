"""Metrics for imbalanced classes, computed per class for many weightings of the same rows at once.

`probabilities` are (n, c), `codes` (n,) the true classes, `weights` (b, n) the weight of each row in each of b
resamples, `judged` the classes to compute. The result is (b, judged): the figure of every such class in every
resample, NaN where a resample has no row of the class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Judged = Sequence[int]
Metric = Callable[[F64, I64, F64, Judged], F64]


def metric_by_name(metric: str, precision: float) -> Metric:
    """The metric with this name in a policy."""
    metrics: dict[str, Metric] = {
        "average_precision": average_precision,
        "balanced_accuracy": recall,
        "recall_at_precision": recall_at_precision(precision),
        "macro_f1": f1,
    }
    return metrics[metric]


def average_precision(probabilities: F64, codes: I64, weights: F64, judged: Judged) -> F64:
    """Mean precision over the rows of a class, each at its own rank; ties share the precision at their end."""

    def precision_mean(hits: F64, predicted: F64, total: F64) -> F64:
        gained = np.diff(hits, axis=1, prepend=0.0)
        return np.asarray((gained * hits / np.maximum(predicted, 1e-300)).sum(axis=1) / total)

    return _figure_by_class(probabilities, codes, weights, judged, precision_mean)


def recall_at_precision(precision: float) -> Metric:
    """The largest recall of a class with a precision of at least `precision`."""

    def metric(probabilities: F64, codes: I64, weights: F64, judged: Judged) -> F64:
        def best_recall(hits: F64, predicted: F64, total: F64) -> F64:
            precise = hits >= precision * predicted - 1e-12
            return np.asarray(np.where(precise, hits, 0.0).max(axis=1) / total)

        return _figure_by_class(probabilities, codes, weights, judged, best_recall)

    return metric


def recall(probabilities: F64, codes: I64, weights: F64, judged: Judged) -> F64:
    """The recall of each class; the mean over classes is the balanced accuracy."""
    hits, actual, _ = _confusion(probabilities, codes, weights, judged)
    return np.asarray(_share(hits, actual))


def f1(probabilities: F64, codes: I64, weights: F64, judged: Judged) -> F64:
    """The harmonic mean of precision and recall of each class; the mean over classes is macro F1."""
    hits, actual, predicted = _confusion(probabilities, codes, weights, judged)
    return np.where(actual > 0.0, _share(2.0 * hits, np.where(actual > 0.0, actual + predicted, np.nan)), np.nan)


def _figure_by_class(
    probabilities: F64, codes: I64, weights: F64, judged: Judged, figure: Callable[[F64, F64, F64], F64]
) -> F64:
    """The figure of each class, shape (b, judged), from the weights of hits and of predicted rows down to each
    threshold, shapes (b, thresholds), and of all rows of the class, shape (b,).

    Thresholds without a row of the class are left out: there recall does not change, and precision only falls.
    """
    figures = np.full((len(weights), len(judged)), np.nan)
    for place, label in enumerate(judged):
        scores, in_class = probabilities[:, label], codes == label
        order = np.argsort(-scores, kind="stable")
        ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0.0, True))
        end_hits = np.add.reduceat(in_class[order], np.append(0, ends[:-1] + 1)) if len(order) else ends
        ends = ends[end_hits > 0]
        if not len(ends):
            continue
        starts = np.append(0, ends[:-1] + 1)
        # Rows behind the last end come after all rows of the class.
        counted = weights[:, order[: ends[-1] + 1]]
        predicted = np.cumsum(np.add.reduceat(counted, starts, axis=1), axis=1)
        counted *= in_class[order[: ends[-1] + 1]]
        hit_weights = np.cumsum(np.add.reduceat(counted, starts, axis=1), axis=1)
        present = hit_weights[:, -1] > 0.0
        figures[present, place] = figure(hit_weights[present], predicted[present], hit_weights[present][:, -1])
    return figures


def _confusion(probabilities: F64, codes: I64, weights: F64, judged: Judged) -> tuple[F64, F64, F64]:
    """The weights of correct predictions, of actual and of predicted rows of each class, each (b, judged)."""
    answers = probabilities.argmax(axis=1)
    classes = np.eye(probabilities.shape[1])[:, list(judged)]
    actual, predicted = weights @ classes[codes], weights @ classes[answers]
    hits = (weights * (answers == codes)) @ classes[codes]
    return hits, actual, predicted


def _share(part: F64, total: F64) -> F64:
    return np.divide(part, total, out=np.full_like(part, np.nan), where=total > 0.0)


def resample_counts(rows: int, count: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """How often each row counts in the rows as they are, then in `count` bootstraps of them: (1 + count, rows)."""
    counts = random.poisson(1.0, (count, rows)).astype(np.uint8)
    return np.vstack([np.ones((1, rows), dtype=np.uint8), counts])
