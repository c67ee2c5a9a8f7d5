import pytest

from augmill.tasks.documents.service_levels import measure


def levels(document, targets=None):
    return {level["name"]: level for level in measure(document, targets)}


def test_levels_are_computed_from_the_steps_rows_and_bytes(document):
    found = levels(document)
    assert found["augmentation_success_rate"]["observed"] == pytest.approx(184 / 200)
    assert found["sample_validity"]["observed"] == pytest.approx(937 / 949)
    assert found["label_consistency"]["observed"] == pytest.approx(1 - 4 / 184)
    assert found["storage_increase"]["observed"] == pytest.approx(0.2)
    assert found["cost_cpu_seconds"]["observed"] == 14.4
    assert found["latency_p99/tabular.smote"]["observed"] == 0.5


def test_a_target_is_met_or_missed(document):
    found = levels(document, {"storage_increase": 0.1})
    assert (found["augmentation_success_rate"]["target"], found["augmentation_success_rate"]["ok"]) == (0.995, False)
    assert found["storage_increase"]["ok"] is False
    assert levels(document, {"storage_increase": 0.3})["storage_increase"]["ok"] is True
    assert levels(document, {"sample_validity": 0.9})["sample_validity"]["ok"] is True


def test_the_policy_sets_the_target_of_label_consistency(document):
    assert levels(document)["label_consistency"]["target"] == 0.98
    assert levels(document)["label_consistency"]["ok"] is False


def test_what_was_not_measured_is_null_and_neither_met_nor_missed():
    found = levels({"dataset": "d", "version": 1, "table_uri": "/t"})
    assert {name for name, level in found.items() if level["observed"] is not None} == set()
    assert {level["ok"] for level in found.values()} == {None}


def test_a_run_without_children_has_no_success_rate(document):
    document["steps"] = [{"name": "none", "planned": 0, "made": 0}]
    assert levels(document)["augmentation_success_rate"]["observed"] is None


def test_money_is_cpu_hours_at_the_configured_price(document):
    assert levels(document)["cost_money"]["observed"] is None
    document["usage"]["price_per_cpu_hour"] = 2.5
    assert levels(document)["cost_money"]["observed"] == pytest.approx(14.4 / 3600 * 2.5)


@pytest.mark.parametrize(("advantage", "score"), [(0.25, 0.75), (-0.02, 1.0)])
def test_the_privacy_score_is_what_an_attacker_leaves(document, advantage, score):
    document["checks"] = [{"name": "membership_advantage", "success": True, "observed": advantage}]
    assert levels(document)["privacy_score"]["observed"] == score
