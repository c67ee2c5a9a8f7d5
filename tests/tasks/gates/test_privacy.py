"""Privacy: planted copies, near copies and leaks are caught, fresh rows pass, and too few rows are said to be so."""

import numpy as np
import pytest

from augmill.policies.gates import Privacy
from augmill.tasks.gates.privacy import NEAR, attack, best_limit, judge
from augmill.tasks.rows.provenance import SAMPLE_ID
from augmill.tasks.stats.nearest import nearest
from tests.tasks.gates.made_evidence import Made, evidence, real_rows, sample


def fresh(features, random):
    """Children drawn anew from the class, which owe their parent nothing."""
    return random.normal(size=features.shape) + np.round(features.mean(axis=1) / 10.0)[:, None] * 10.0


def near(scale):
    return lambda features, random: features + scale * random.normal(size=features.shape)


def answers(shown, **asked):
    return {one["name"]: one for one in judge(shown, Privacy(**asked))}


def test_rows_drawn_anew_pass_and_their_figures_are_those_of_held_out_rows():
    found = answers(evidence(fresh, train=800, validation=800))
    assert [name for name, one in found.items() if not one["success"]] == []
    assert found["distance_ratio"]["observed"] == pytest.approx(1.0, abs=0.05)
    low, high = found["distance_ratio"]["interval"]
    assert low < 1.0 < high
    low, high = found["membership_advantage"]["interval"]
    assert low < 0.0 < high
    assert found["near_copies"]["observed"] == 0.0


def test_near_copies_of_training_rows_are_caught_and_named_with_the_row_they_are_beside():
    shown = evidence(near(1e-6))
    found = answers(shown)
    assert found["near_copies"]["observed"] == 1.0
    assert not found["near_copies"]["success"]
    for row in found["near_copies"]["failing"]:
        assert row["values"]["closest"][1:] == row["sample_id"][1:]
    assert found["distance_ratio"]["observed"] < 1e-5
    assert found["membership_advantage"]["observed"] > 0.95
    low, high = found["membership_advantage"]["interval"]
    assert 0.9 < low <= found["membership_advantage"]["observed"] <= high <= 1.0


def test_one_exact_copy_among_many_rows_is_caught():
    found = answers(evidence(fresh, count=1_000, copies={"planted": ["c0007"]}))
    assert not found["exact_copies"]["success"]
    assert found["exact_copies"]["observed"] == 0.001
    assert [row["sample_id"] for row in found["exact_copies"]["failing"]] == ["c0007"]
    assert answers(evidence(fresh, count=1_000), max_copy_share=0.0)["exact_copies"]["success"]


def test_rows_made_of_validation_rows_are_caught_as_leaks():
    shown = evidence(fresh)
    leaked = np.concatenate([shown.validation.features[:40] + 1e-4, shown.children.features[40:]])
    labels = np.concatenate([shown.validation.labels[:40], shown.children.labels[40:]])
    parents = [row[0] for row in shown.children.rows["augmill_parent_ids"].to_pylist()]
    shown.children = sample(leaked, labels, "c", parents, ["planted"] * len(leaked))
    found = answers(shown)
    assert found["held_out_near_copies"]["observed"] == pytest.approx(40 / 300)
    assert not found["held_out_near_copies"]["success"]
    assert found["near_copies"]["success"]


def test_the_distance_ratio_is_that_of_the_medians_of_all_pairs():
    shown = evidence(near(0.3))
    from augmill.tasks.stats import scaling

    scale = scaling.fit(shown.train.features)
    train, held, new = (scale.apply(one.features) for one in (shown.train, shown.validation, shown.children))
    ratios = np.zeros(len(new))
    for label in ("hay", "straw"):
        mine = shown.children.labels == label
        unit = np.median([np.linalg.norm(train - row, axis=1).min() for row in held[shown.validation.labels == label]])
        ratios[mine] = [np.linalg.norm(train - row, axis=1).min() / unit for row in new[mine]]
    found = answers(shown)
    assert found["distance_ratio"]["observed"] == pytest.approx(np.sort(ratios)[149], rel=1e-9)
    assert found["near_copies"]["observed"] == pytest.approx((ratios < NEAR).mean(), rel=1e-9)


def test_a_class_with_hardly_a_validation_row_is_measured_by_its_training_rows_left_out():
    shown = evidence(near(1e-6))
    mine = shown.validation.labels == "hay"
    shown.validation = sample(shown.validation.features[mine], shown.validation.labels[mine], "b")
    found = answers(shown)
    assert found["near_copies"]["observed"] == 1.0
    assert {one["of"] for one in found["distance_ratio"]["details"]} == {"class hay", "class straw"}


def test_too_few_rows_are_said_to_be_too_few_and_do_what_was_asked():
    shown = evidence(near(1e-6), train=8, validation=6)
    found = answers(shown, on_too_few="fail")
    for name in ("near_copies", "held_out_near_copies", "distance_ratio", "membership_advantage"):
        assert found[name]["too_few"]
        assert found[name]["error"].startswith("too few rows to judge: ")
        assert (found[name]["success"], found[name]["on_failure"]) == (False, "fail")
    assert answers(shown)["membership_advantage"]["on_failure"] == "warn"


def test_an_attack_is_made_on_classes_in_equal_parts_so_that_the_mix_of_classes_tells_nothing():
    real, held_out = real_rows(800, 1, "a"), real_rows(800, 2, "b")
    # Fewer rows of one class are held out than trained on, and that class has many more children, all drawn anew.
    few = np.flatnonzero((held_out.labels == "hay") | (np.arange(800) % 16 == 0))
    held_out = sample(held_out.features[few], held_out.labels[few], "b")
    base = np.concatenate([np.flatnonzero(real.labels == "hay")[:100], *[np.flatnonzero(real.labels == "straw")] * 15])
    parents = [real.rows[SAMPLE_ID][int(one)].as_py() for one in base]
    features = fresh(real.features[base], np.random.default_rng(4))
    children = sample(features, real.labels[base], "c", parents, ["planted"] * len(base))
    assert abs(answers(Made(real, held_out, children))["membership_advantage"]["observed"]) < 0.05


def test_the_limit_of_an_attack_is_the_best_of_all():
    inside, outside = np.array([1.0, 2.0, 3.0, 9.0]), np.array([2.5, 5.0, 6.0, 7.0])
    gains = {limit: (inside <= limit).mean() - (outside <= limit).mean() for limit in [*inside, *outside]}
    assert gains[best_limit(inside, outside)] == max(gains.values()) == 0.5


def test_an_attack_that_cannot_know_gains_nothing_from_its_own_choice_of_limit():
    random = np.random.default_rng(6)
    gains = []
    for _ in range(60):
        inside, outside = random.normal(size=40), random.normal(size=40)
        hits = attack(inside, outside)
        gains.append((hits[0] - hits[1]) / 40)
    assert abs(np.mean(gains)) < 0.03


def test_the_ledger_sums_what_steps_declare_and_refuses_one_that_declares_nothing():
    assert "epsilon" not in answers(evidence(fresh))
    two = {"planted": 1.5, "other": 0.75}
    assert answers(evidence(fresh, epsilons=two))["epsilon"]["observed"] == 2.25
    assert answers(evidence(fresh, epsilons=two), max_epsilon=2.25)["epsilon"]["success"]
    assert not answers(evidence(fresh, epsilons=two), max_epsilon=2.0)["epsilon"]["success"]
    open_ended = answers(evidence(fresh, epsilons={"planted": None, "other": 0.75}), max_epsilon=9.0)["epsilon"]
    assert not open_ended["success"]
    assert open_ended["error"] == "not differentially private: planted declares no epsilon"


def test_the_same_rows_have_the_same_figures():
    assert judge(evidence(near(0.2)), Privacy()) == judge(evidence(near(0.2)), Privacy())


def test_distances_hold_all_parents_however_few_training_rows_are_sampled():
    shown = evidence(near(1e-6))
    whole = shown.train
    parents = Made(whole, shown.validation, shown.children).parents
    some = np.arange(150, 300)
    shown.train = sample(whole.features[some], whole.labels[some], "z")
    shown.parents = parents
    found = answers(shown)
    assert found["near_copies"]["observed"] == 1.0
    assert nearest(whole.features, whole.features)[0].max() == 0.0


def test_without_a_feature_nothing_is_said_of_distances_nor_of_an_attack():
    real, fresh_rows = (real_rows(count, 1, prefix, dimensions=0) for count, prefix in ((300, "a"), (160, "b")))
    children = sample(real.features, real.labels, "c", real.rows[SAMPLE_ID].to_pylist(), ["planted"] * 300)
    found = answers(Made(real, fresh_rows, children))
    for name in ("near_copies", "held_out_near_copies", "distance_ratio", "membership_advantage"):
        assert found[name]["too_few"], name
        assert "no column is a feature" in found[name]["error"]
