import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augmill.tasks.documents.flat_values import flatten
from augmill.tasks.documents.service_levels import measure
from augmill.tasks.lineage.payload import MAX_KEY, metrics, params, record_key, safe_keys, tags


def test_the_policy_is_flattened_with_dots_and_positions(document):
    found = params(document)
    assert found["steps.0.transforms.0.use"] == "tabular.smote"
    assert found["steps.0.transforms.0.params.k_neighbors"] == "5"
    assert found["steps.0.amount.to_share"] == "0.25"
    assert "steps.0.amount.copies" not in found


def test_a_long_value_is_cut_with_a_note_and_a_mapping_of_data_stays_one_value(document):
    document["policy"]["description"] = "x" * 7000
    document["policy"]["overrule"] = {f"id-{i}": "seen" for i in range(51)}
    found = params(document)
    assert len(found["description"]) == 6000
    assert found["description"].endswith("(cut, 7000 characters; whole in version.json)")
    assert found["overrule"].startswith('{"id-0": "seen"')


def test_metrics_hold_levels_checks_stages_and_counts_per_class_and_origin(document):
    document["slis"] = measure(document)
    found = metrics(document)
    assert found["rows/train/synthetic/1"] == 180
    assert found["rows/train/real"] == 657
    assert found["rows/real"] == 937
    assert found["checks/coverage"] == 0.4
    assert found["stages/augment_seconds"] == 0.5
    assert found["sli/storage_increase"] == pytest.approx(0.2)


def test_what_was_not_measured_is_no_metric_and_is_named_in_a_tag(document):
    document["slis"] = measure(document)
    assert not [name for name in metrics(document) if "privacy" in name]
    assert "privacy_score" in tags(document)["augmill.not_measured"]


def test_a_figure_that_is_no_number_is_no_metric(document):
    document["checks"] = [
        {"name": "a", "success": True, "observed": float("nan")},
        {"name": "b", "success": True, "observed": True},
        {"name": "c", "success": True, "observed": "many"},
    ]
    assert not [name for name in metrics(document) if name.startswith("checks/")]


def test_two_classes_that_mlflow_would_spell_alike_stay_two(document):
    document["rows"]["by_split_origin_label"] = {"train": {"real": {"a[1]": 3, "a(1)": 4, "a_1_": 5, "b/c": 6}}}
    counts = {name: value for name, value in metrics(document).items() if name.startswith("rows/train/real/")}
    assert sorted(counts.values()) == [3, 4, 5, 6]
    assert counts["rows/train/real/a_1_"] == 5


@given(st.lists(st.text(max_size=300), unique=True, max_size=8))
def test_any_names_become_different_keys_that_mlflow_takes(names):
    keys = safe_keys(names)
    assert len(set(keys.values())) == len(names)
    for key in keys.values():
        assert re.fullmatch(r"[\w\-./: ]*", key, re.ASCII)
        assert len(key) <= MAX_KEY


@pytest.mark.parametrize("value", [{}, [], None])
def test_empty_values_flatten_to_nothing(value):
    assert list(flatten({"a": value})) == []


def test_the_record_key_depends_on_table_version_and_content(make_document):
    keys = {
        record_key(document)
        for document in (
            make_document(),
            make_document(version=13),
            make_document(table_uri="/other"),
            make_document() | {"version_digest": "00"},
        )
    }
    assert len(keys) == 4
    assert record_key(make_document()) in keys


def test_tags_name_versions_hash_channel_and_checks(document):
    found = tags(document)
    assert found["augmill.version"] == "12"
    assert found["augmill.parent_version"] == "11"
    assert found["augmill.channel"] == "stable"
    assert found["augmill.checks"] == "1 of 2 passed"
    assert found["mlflow.source.git.commit"] == "46a3373f00"
    assert "augmill.prefect_run_url" not in found
