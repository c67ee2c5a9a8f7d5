"""Counts add up over shards, and figures say "not measured" where nothing was."""

import pyarrow as pa
import pytest

from augmill.expectations import checks
from augmill.expectations.judge import judge
from augmill.policies.schema import LabelConsistency
from augmill.tasks.verifiers import outcome_counts
from augmill.tasks.verifiers.calibration import CONSISTENT, CONTRADICTED, TOO_FEW, UNFAMILIAR
from augmill.tasks.verifiers.conformal import fit

OUTCOME = [CONSISTENT, CONTRADICTED, CONTRADICTED, UNFAMILIAR, TOO_FEW, CONSISTENT]
SCORES = pa.table({"outcome": OUTCOME})
STEPS = pa.array(["one", "one", "one", "one", "two", "two"])
TRANSFORMS = pa.array(["rotate"] * 4 + ["blur"] * 2)
LABELS = pa.array(["a", "a", "b", "a", "c", "a"])
IDS = pa.array(["1", "2", "3", "4", "5", "6"])


@pytest.fixture(scope="module")
def verifier():
    import numpy as np

    random = np.random.default_rng(0)
    labels = ["a"] * 60 + ["b"] * 60 + ["c"] * 5
    features = random.normal(size=(125, 3)) + np.repeat([0.0, 5.0, 9.0], [60, 60, 5])[:, None]
    return fit(features, labels, [f"{number:032x}" for number in range(125)], 0.02, 0)


def counts(rows=slice(None)):
    start, stop, _ = rows.indices(6)
    size = stop - start
    return outcome_counts.tally(
        SCORES.slice(start, size), STEPS.slice(start, size), TRANSFORMS.slice(start, size), LABELS.slice(start, size)
    )


def test_shards_add_up_to_the_whole():
    assert outcome_counts.merge([counts(slice(0, 2)), counts(slice(2, 5)), counts(slice(5, 6))]).equals(counts())


def test_the_rate_counts_what_was_judged_before_anything_is_dropped(verifier):
    found = outcome_counts.figures(counts(), verifier)
    assert found["label_consistency_rate"] == pytest.approx(1 - 2 / 5)
    assert found["unfamiliar_share"] == pytest.approx(1 / 5)
    assert found["drop_share"] == pytest.approx(2 / 6)
    assert found["too_few_share"] == pytest.approx(1 / 6)


def test_rates_stand_per_step_transform_and_class_beside_the_noise_floor(verifier):
    rows = outcome_counts.rates(counts(), verifier)
    assert [(row["step"], row["transform"], row["label"]) for row in rows] == [
        ("one", "rotate", "a"),
        ("one", "rotate", "b"),
        ("two", "blur", "a"),
        ("two", "blur", "c"),
    ]
    assert rows[1]["label_consistency_rate"] == 0.0
    assert rows[3]["label_consistency_rate"] is None
    assert rows[3]["noise_floor"]["too_few"]


def test_an_overruled_rejection_is_kept_and_still_counts_against_the_rate(verifier):
    gone = outcome_counts.rejected(SCORES, IDS, overrule=["2"])
    assert gone.to_pylist() == [False, False, True, False, False, False]
    overruled = pa.array([False, True, False, False, False, False])
    table = outcome_counts.tally(SCORES, STEPS, TRANSFORMS, LABELS, overruled)
    found = outcome_counts.figures(table, verifier)
    assert found["drop_share"] == pytest.approx(1 / 6)
    assert found["label_consistency_rate"] == pytest.approx(1 - 2 / 5)


def test_without_children_figures_are_not_measured_and_the_checks_fail(verifier):
    found = outcome_counts.figures(counts(slice(0, 0)), verifier)
    assert found["label_consistency_rate"] is None
    import pandas as pd

    verdict = judge(pd.DataFrame([found], dtype=float), checks.semantic(LabelConsistency()))
    assert not verdict.results[0].success
    assert verdict.results[0].error


def test_the_floor_is_what_real_rows_of_the_same_classes_would_reach(verifier):
    # Four judged children of class a and one of class b, 60 real rows each: alpha 0.02 is reached by both.
    assert outcome_counts.figures(counts(), verifier)["floor_consistency_rate"] == pytest.approx(1 - 0.02)


def test_the_catch_rate_is_that_of_the_worst_class_that_got_children(verifier):
    floor = {figures["label"]: figures["catch_rate"] for figures in verifier.noise_floor()}
    assert outcome_counts.figures(counts(), verifier)["catch_rate"] == min(floor["a"], floor["b"])
