"""The collapse guard: what was made must descend from what was collected, and keep its tails."""

import numpy as np
import pytest

from augmill.policies.gates import Collapse
from augmill.tasks.gates import collapse
from tests.tasks.gates.made import Made, blobs

TRAIN, VALIDATION = blobs(1_000, 0.4, seed=1), blobs(100, 0.25, seed=2)
RARE = np.flatnonzero(TRAIN[1] == "1")


def judged(new, **asked):
    return {answer["name"]: answer for answer in collapse.judge(Made(TRAIN, VALIDATION, new), Collapse(**asked))}


def between(seed: int, times: int = 5):
    """Rows on the line between two rare rows, as SMOTE makes them: a narrower cloud than that of their parents."""
    random = np.random.default_rng(seed)
    bases = np.tile(RARE, times)
    others = random.choice(RARE, len(bases))
    at = random.random((len(bases), 1))
    return TRAIN[0][bases] * (1 - at) + TRAIN[0][others] * at, np.full(len(bases), "1"), bases


def again(times: int = 5):
    """The rare rows as they are."""
    bases = np.tile(RARE, times)
    return TRAIN[0][bases], np.full(len(bases), "1"), bases


def test_a_share_of_real_rows_and_new_rows_per_real_one_have_targets():
    made = 5 * len(RARE)
    found = judged({"smote": between(3)}, min_real_share=0.5, max_synthetic_per_real=1.0)
    assert found["real_share"]["observed"] == pytest.approx(1_000 / (1_000 + made))
    assert found["made_rows_per_real_row"]["observed"] == pytest.approx(made / 1_000)
    assert (found["real_share"]["success"], found["made_rows_per_real_row"]["success"]) == (False, False)
    found = judged({"smote": between(3)}, min_real_share=0.3, max_synthetic_per_real=2.0)
    assert (found["real_share"]["success"], found["made_rows_per_real_row"]["success"]) == (True, True)


def test_children_of_collected_rows_are_the_first_generation():
    found = judged({"smote": between(3)})
    assert list(found) == ["generations", "made_rows_learned_from"]
    assert found["generations"]["observed"] == 1
    assert found["made_rows_learned_from"]["observed"] == 0


def test_tails_that_are_cut_are_caught_and_named():
    answer = judged({"smote": between(3)}, max_tail_loss=0.2)["tail_loss"]
    assert answer["success"] is False
    assert answer["interval"][0] > 0.2
    assert all(detail["of"].startswith("class 1, f") for detail in answer["details"])


def test_tails_that_are_kept_pass():
    answer = judged({"copies": again()}, max_tail_loss=0.1)["tail_loss"]
    assert answer["success"]
    assert answer["observed"] == pytest.approx(0.0, abs=0.02)


def test_what_the_sample_cannot_show_is_no_failure():
    """A few new rows that happen to lie inside: the loss is there, and may be chance."""
    answer = judged({"few": tuple(part[:6] for part in between(3))}, max_tail_loss=0.01)["tail_loss"]
    assert answer["observed"] > 0.01
    assert answer["success"]


def test_too_few_real_rows_of_the_class_are_said():
    few = Made((TRAIN[0][:10], TRAIN[1][:10]), VALIDATION, {"copies": (TRAIN[0][:10], TRAIN[1][:10], np.arange(10))})
    answer = collapse.judge(few, Collapse(max_tail_loss=0.1))[-1]
    assert (answer["too_few"], answer["on_failure"]) == (True, "warn")
    assert "has 20 real rows" in answer["error"]


def test_a_policy_that_makes_nothing_is_not_judged():
    assert judged({}) == {}
