"""Model delta: what helps passes, what is useless or harmful does not, and too few rows are said to be too few."""

import numpy as np
import pytest

from augmill.policies.gates import ModelDelta
from augmill.tasks.gates import model_delta
from tests.tasks.gates.made import COLUMNS, Made, blobs

TRAIN = blobs(400, 0.1, seed=30)
VALIDATION = blobs(1_500, 0.1, seed=20)
RARE = np.flatnonzero(TRAIN[1] == "1")
COMMON = np.flatnonzero(TRAIN[1] == "0")


def judged(new, train=TRAIN, validation=VALIDATION, **asked):
    (answer,) = model_delta.judge(Made(train, validation, new), ModelDelta(**asked))
    return answer


def children(label: str, bases, seed: int, centre: float, spread: float = 1.0):
    """Rows of a class drawn from a cloud of their own, so that what they teach is known."""
    features = np.random.default_rng(seed).normal(scale=spread, size=(len(bases), COLUMNS)) + centre
    return features, np.full(len(bases), label), bases


def helpful(seed: int = 3):
    """Rare rows as they truly are."""
    return children("1", np.tile(RARE, 10), seed, centre=1.0)


def harmful(seed: int = 4):
    """Rare rows that lie where the common ones do."""
    return children("1", np.tile(RARE, 10), seed, centre=-0.5)


def useless():
    """The training rows once more."""
    return TRAIN[0], TRAIN[1], np.arange(len(TRAIN[1]))


def test_new_rows_that_teach_something_pass():
    answer = judged({"good": helpful()})
    assert answer["success"]
    assert 0.0 < answer["interval"][0] < answer["observed"] < answer["interval"][1]
    assert answer["target"] == "> 0"


@pytest.mark.parametrize("by", ["lower", "mean", "upper"])
def test_harmful_augmentation_is_caught_whatever_must_reach_the_target(by):
    answer = judged({"bad": harmful()}, by=by)
    assert not answer["success"]
    assert answer["interval"][1] < 0.0
    assert (answer["on_failure"], answer["too_few"]) == ("fail", False)


def test_useless_augmentation_is_not_shown_to_help_nor_to_hurt():
    answer = judged({"again": useless()})
    assert not answer["success"]
    assert answer["interval"][0] <= 0.0 <= answer["interval"][1]
    assert judged({"again": useless()}, by="upper")["success"]


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1", "recall_at_precision"])
def test_every_metric_tells_harm_from_help(metric):
    asked = {"metric": metric, "precision": 0.3}
    assert judged({"good": helpful()}, **asked)["observed"] > judged({"bad": harmful()}, **asked)["observed"] + 0.02


def test_leaving_a_step_out_tells_who_helped_and_who_hurt():
    details = {one["of"]: one for one in judged({"good": helpful(), "bad": harmful()})["details"]}
    assert (details["step good"]["word"], details["step bad"]["word"]) == ("helped", "hurt")


def test_with_several_classes_each_has_its_figure_by_step():
    train, validation = three(300, 5), three(600, 6)
    rare = np.flatnonzero(train[1] == "2")
    good = children("2", np.tile(rare, 10), 7, centre=2.0)
    found = {one["of"] for one in judged({"good": good, "also": good}, train, validation)["details"]}
    classes = {"class 0", "class 1", "class 2"}
    assert found == classes | {f"step {s}{c}" for s in ("good", "also") for c in ("", *(f", {one}" for one in classes))}


def three(count: int, seed: int):
    labels = np.repeat([0, 1, 2], [count // 2, count // 3, count - count // 2 - count // 3])
    return np.random.default_rng(seed).normal(size=(count, COLUMNS)) + labels[:, None], labels.astype(str)


def test_the_same_rows_give_the_same_figures():
    assert judged({"good": helpful()}) == judged({"good": helpful()})


def test_too_few_rows_are_said_and_do_what_was_asked():
    few = blobs(50, 0.1, seed=2)
    answer = judged({"good": helpful()}, validation=few)
    assert (answer["success"], answer["too_few"], answer["on_failure"]) == (False, True, "warn")
    assert answer["error"] == "too few rows to judge: 10 validation rows are needed, there are of class 1: 5."
    assert judged({"good": helpful()}, validation=few, on_too_few="fail")["on_failure"] == "fail"
    assert not judged({"good": helpful()}, validation=few, min_rows_per_class=5)["too_few"]


def test_without_new_rows_there_is_nothing_to_judge():
    answer = judged({})
    assert answer["too_few"]
    assert "no new rows" in answer["error"]


def test_a_mixed_label_counts_for_each_of_its_classes():
    bases = np.tile(RARE, 20)
    features, labels, _ = children("0", bases, 8, centre=1.0)
    mixed = [[{"label": "0", "weight": 0.1}, {"label": "1", "weight": 0.9}]] * len(bases)
    plain, soft = (Made(TRAIN, VALIDATION, {"mix": (features, labels, bases)}, mixtures=one) for one in (None, mixed))
    hard, fair = (model_delta.judge(one, ModelDelta())[0]["observed"] for one in (plain, soft))
    assert hard < 0.0 < fair


def test_the_interval_covers_no_gain_as_often_as_it_says():
    """Rows of the same cloud, of a class that has plenty already: nothing to gain, and nothing to lose."""
    train, validation = blobs(300, 0.5, seed=9), blobs(300, 0.5, seed=10)
    bases = np.flatnonzero(train[1] == "0")[:20]
    missed = 0
    for seed in range(20):
        answer = judged({"more": children("0", bases, 100 + seed, centre=0.0)}, train, validation)
        missed += not answer["interval"][0] <= 0.0 <= answer["interval"][1]
    assert missed <= 3


@pytest.mark.parametrize("student", ["boosting", "logistic"])
def test_without_a_feature_no_student_can_be_trained_and_that_is_said(student):
    bare = TRAIN[0][:, :0], TRAIN[1]
    asked = VALIDATION[0][:, :0], VALIDATION[1]
    answer = judged({"again": (*bare, np.arange(len(bare[1])))}, bare, asked, student=student)
    assert (answer["success"], answer["too_few"]) == (False, True)
    assert "no column is a feature" in answer["error"]
