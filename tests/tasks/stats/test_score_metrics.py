"""Metrics of many weightings at once are scikit-learn's of each."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, recall_score

from augmill.tasks.stats import score_metrics


@pytest.fixture(scope="module")
def made():
    random = np.random.default_rng(0)
    codes = random.integers(0, 3, 60)
    # Few distinct values, so that there are ties.
    probabilities = np.round(random.random((60, 3)) + np.eye(3)[codes] * 0.3, 1)
    return probabilities, codes, np.vstack([np.ones(60), random.poisson(1.0, (4, 60))])


def of(name, made, precision=0.5):
    return score_metrics.metric_by_name(name, precision)(*made, (0, 1, 2))


def test_average_precision_with_ties_and_weights(made):
    probabilities, codes, weights = made
    wanted = [
        [average_precision_score(codes == c, probabilities[:, c], sample_weight=w) for c in range(3)] for w in weights
    ]
    np.testing.assert_allclose(of("average_precision", made), wanted)


def test_recall_and_f1(made):
    probabilities, codes, weights = made
    answers = probabilities.argmax(axis=1)
    for name, score in (("balanced_accuracy", recall_score), ("macro_f1", f1_score)):
        wanted = [score(codes, answers, average=None, sample_weight=w) for w in weights]
        np.testing.assert_allclose(of(name, made), wanted)


def test_recall_at_precision(made):
    probabilities, codes, weights = made
    for at, weight in enumerate(weights):
        for label in range(3):
            curve = precision_recall_curve(codes == label, probabilities[:, label], sample_weight=weight)
            wanted = max(recall for precision, recall in zip(*curve[:2], strict=True) if precision >= 0.5)
            assert of("recall_at_precision", made)[at, label] == pytest.approx(wanted)


def test_a_class_without_rows_has_no_figure(made):
    probabilities, codes, weights = made
    gone = weights * (codes != 1)
    for name in ("average_precision", "balanced_accuracy", "macro_f1", "recall_at_precision"):
        figures = score_metrics.metric_by_name(name, 0.5)(probabilities, codes, gone, (0, 1))
        assert np.isnan(figures[:, 1]).all()
        assert not np.isnan(figures[:, 0]).any()
