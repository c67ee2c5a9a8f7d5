"""Coverage and density against the published expectation and a loop; planted drift is caught and named."""

import numpy as np
import pyarrow as pa
import pytest

from augmill.policies.gates import DriftCoverage
from augmill.tasks.gates.drift_coverage import FEWEST, NEIGHBOURS, covered, judge
from augmill.tasks.gates.sample_ops import evenly
from augmill.tasks.stats import scaling
from tests.tasks.gates.made_evidence import Made, sample


def rows(count, seed, middle=0.0, width=1.0):
    return np.random.default_rng(seed).normal(size=(count, 2)) * width + middle


def table(features, **more):
    return pa.table({"a": features[:, 0], "b": features[:, 1], **more})


def shown(met, made=None, train=600, validation=300, **more):
    def of(features, prefix, **kinds):
        columns = {"a": pa.array(features[:, 0]), "b": pa.array(features[:, 1])}
        return sample(features, [""] * len(features), prefix, columns=columns, **kinds)

    made = rows(0, 9) if made is None else made
    children = of(made, "c", parents=["a0000"] * len(made), steps=["planted"] * len(made))
    return Made(of(rows(train, 1), "a"), of(rows(validation, 2), "b"), children, production=met, **more)


def answers(evidence, **asked):
    return {one["name"]: one for one in judge(evidence, DriftCoverage(production="x.csv", **asked))}


def parts(answer):
    return {one["of"]: one["observed"] for one in answer["details"]}


def test_rows_of_one_distribution_are_covered_as_often_as_naeem_et_al_say():
    n, m, k = 200, 200, NEIGHBOURS
    expected = 1.0 - np.prod([(n - i) / (m + n - i) for i in range(1, k + 1)])
    found = [covered(rows(n, seed), rows(m, 1_000 + seed), rows(0, 0))[0] for seed in range(30)]
    assert np.mean([one.coverage for one in found]) == pytest.approx(expected, abs=0.006)
    assert np.mean([one.density for one in found]) == pytest.approx(1.0, abs=0.03)


def test_coverage_and_density_are_those_of_a_loop_over_all_pairs():
    met, real, made = rows(60, 3), rows(40, 4, 0.7), rows(30, 5, 2.0)
    before, after = covered(met, real, made)
    scale = scaling.fit(np.concatenate([met, real]))
    p, t, c = (scale.apply(one) for one in (met, real, made))
    radius = [sorted(np.linalg.norm(p - one, axis=1))[NEIGHBOURS] for one in p]
    inside = np.array([[np.linalg.norm(one - other) <= far for other in t] for one, far in zip(p, radius, strict=True)])
    both = np.array(
        [[np.linalg.norm(one - other) <= far for other in [*t, *c]] for one, far in zip(p, radius, strict=True)]
    )
    assert before.coverage == pytest.approx(inside.any(axis=1).mean())
    assert before.density == pytest.approx(inside.sum() / (NEIGHBOURS * 40))
    assert after.coverage == pytest.approx(both.any(axis=1).mean())
    assert after.density == pytest.approx(both.sum() / (NEIGHBOURS * 70))


def test_production_as_training_was_is_covered_and_does_not_drift():
    found = answers(shown(table(rows(500, 7))), max_feature_drift=0.15)
    assert all(one["success"] for one in found.values())
    assert found["drift_coverage"]["observed"] > 0.93
    assert parts(found["drift_coverage"])["validation rows by real training rows"] > 0.93


def test_drifted_production_is_caught_and_the_feature_that_moved_is_named_first():
    moved = rows(500, 7)
    moved[:, 1] += 6.0
    found = answers(shown(table(moved)), max_feature_drift=0.1)
    assert found["drift_coverage"]["observed"] < 0.05
    assert not found["drift_coverage"]["success"]
    assert not found["feature_drift"]["success"]
    assert [one["of"].split()[0] for one in found["feature_drift"]["details"]] == ["b", "a"]


def test_new_rows_that_go_where_production_is_cover_it():
    met = np.concatenate([rows(250, 7), rows(250, 8, 8.0, 0.5)])
    found = parts(answers(shown(table(met), rows(300, 9, 8.0, 0.5)))["drift_coverage"])
    assert found["real training rows"] < 0.55
    assert found["real and new rows"] > 0.9
    assert answers(shown(table(met), rows(300, 9, -20.0)))["drift_coverage"]["observed"] < 0.55


def test_a_column_that_was_constant_in_training_drifts_though_it_is_no_feature():
    evidence = shown(table(rows(300, 7), link=np.linspace(0.0, 1.0, 300)))
    columns = {name: evidence.train.rows[name] for name in evidence.train.rows.column_names}
    evidence.train = sample(
        evidence.train.features, [""] * 600, "a", columns={**columns, "link": pa.array([0.0] * 600)}
    )
    assert answers(evidence)["feature_drift"]["details"][0]["of"].startswith("link (")


def test_too_few_rows_are_said_to_be_too_few():
    for few in (shown(table(rows(FEWEST - 1, 7))), shown(table(rows(300, 7)), train=FEWEST - 1)):
        found = answers(few, on_too_few="fail")
        assert [one["too_few"] for one in found.values()] == [True, True]
        assert "too few rows to judge: " in found["drift_coverage"]["error"]
        assert found["drift_coverage"]["on_failure"] == "fail"


def test_features_that_are_no_columns_drift_by_number():
    evidence = shown(table(rows(300, 7, 3.0)), feature_columns=("a", "b"))
    evidence.train = sample(evidence.train.features, [""] * 600, "a")
    names = [one["of"].split(" (")[0] for one in answers(evidence)["feature_drift"]["details"]]
    assert sorted(names) == ["feature 0", "feature 1"]


def test_rare_classes_that_a_sample_holds_more_of_are_thinned_out_again():
    features = np.zeros((1_000, 1))
    weights = np.where(np.arange(1_000) % 2 == 0, 19.0, 1.0)
    one = sample(features, [""] * 1_000, "a", weights=weights)
    taken = weights[evenly(one, 400)]
    assert (taken == 19.0).mean() == pytest.approx(0.95, abs=0.02)
    assert len(evenly(one, 2_000)) <= 1_000
    assert len(evenly(sample(features[:0], [], "a"), 5)) == 0


def test_without_a_feature_no_coverage_is_claimed():
    none = [np.zeros((count, 0)) for count in (100, 60, 0)]
    real, fresh, made = (sample(one, [""] * len(one), prefix) for one, prefix in zip(none, "abc", strict=True))
    met = pa.table({"text": [f"message {number}" for number in range(100)]})
    found = answers(Made(real, fresh, made, production=met, feature_columns=()))
    assert found["drift_coverage"]["too_few"]
    assert "no column is a feature" in found["drift_coverage"]["error"]
