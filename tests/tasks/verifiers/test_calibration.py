"""Thresholds and outcomes follow the rules they are named after."""

import numpy as np
import pytest

from augmill.tasks.verifiers.calibration import (
    CONSISTENT,
    CONTRADICTED,
    OUTCOMES,
    UNFAMILIAR,
    excess,
    outcomes,
    threshold,
)


@pytest.mark.parametrize(
    ("plausible", "typical", "outcome", "could"),
    [
        ([True, False], [True, True], CONSISTENT, [True, False]),
        ([True, True], [True, True], CONSISTENT, [True, True]),
        ([False, True], [True, True], CONTRADICTED, [False, True]),
        ([False, True], [False, True], CONTRADICTED, [False, True]),
        ([False, True], [True, False], UNFAMILIAR, [False, False]),
        ([False, False], [True, True], UNFAMILIAR, [False, False]),
        ([True, True], [False, True], UNFAMILIAR, [False, True]),
        ([True, False], [False, False], UNFAMILIAR, [False, False]),
    ],
)
def test_outcomes_follow_from_the_two_tests_of_each_class(plausible, typical, outcome, could):
    own = np.array([[True, False]])
    codes, found = outcomes(np.array([plausible]), np.array([typical]), own, np.array([True, True]))
    assert (OUTCOMES[codes[0]], found[0].tolist()) == (outcome, could)


def test_a_class_that_is_not_judged_is_no_evidence_against_another():
    own, judged = np.array([[True, False]]), np.array([True, False])
    codes, _ = outcomes(np.array([[False, True]]), np.array([[True, True]]), own, judged)
    assert OUTCOMES[codes[0]] == UNFAMILIAR


def test_the_threshold_follows_the_finite_sample_rule():
    scores = np.arange(1.0, 100.0)
    assert threshold(scores, 0.1) == 90.0
    assert threshold(scores, 0.001) == 99.0


def test_the_excess_is_how_far_the_best_other_class_is_ahead():
    found = excess(np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.9]]))
    assert np.allclose(found, [[-0.5, 0.5, 0.6], [0.8, 0.4, -0.4]])
