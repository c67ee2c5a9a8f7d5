"""Expectations are run, counted and answered plainly."""

import pandas as pd
import pytest

import augmill.expectations.judge
from augmill.expectations import names
from augmill.expectations.judge import NOTHING_JUDGED, judge, merge
from augmill.expectations.suite import Spec
from augmill.policies.errors import PolicyError


def spec(name, **kwargs):
    return Spec(type=name, kwargs=kwargs)


BETWEEN = spec("expect_column_values_to_be_between", column="age", min_value=0, max_value=120)
PEOPLE = pd.DataFrame({"age": [30, -1, None, 200], "town": ["Aden", "Bonn", None, "Cork"]})


def test_a_failing_row_is_named_with_its_id_and_its_value():
    result = judge(PEOPLE, [BETWEEN], row_ids=["a", "b", "c", "d"]).results[0]
    assert not result.success
    assert [(failing.sample_id, failing.values) for failing in result.failing] == [
        ("b", {"age": -1.0}),
        ("d", {"age": 200.0}),
    ]
    assert (result.judged, result.failed, result.target) == (3, 2, "0 to 120")


def test_reasons_gather_every_fault_of_a_row():
    verdict = judge(PEOPLE, [BETWEEN, spec("expect_column_values_to_not_be_null", column="town")])
    assert sorted(verdict.reasons()) == [1, 2, 3]
    assert verdict.reasons()[2] == ["town: expected a value (expect_column_values_to_not_be_null)"]


def test_row_numbers_are_positions_whatever_the_index_of_the_frame():
    shuffled = PEOPLE.set_index(pd.Index([7, 7, 3, 1]))
    assert sorted(judge(shuffled, [BETWEEN]).reasons()) == [1, 3]


def test_answers_come_in_the_order_asked_and_none_is_dropped():
    asked = [
        BETWEEN,
        spec("expect_column_to_exist", column="age"),
        spec("expect_column_values_to_not_be_null", column="nowhere"),
        BETWEEN,
    ]
    assert [result.name for result in judge(PEOPLE, asked).results] == [one.type for one in asked]


def test_a_missing_column_is_could_not_evaluate_and_not_a_crash():
    result = judge(PEOPLE, [spec("expect_column_values_to_not_be_null", column="nowhere")]).results[0]
    assert not result.success
    assert result.error.startswith("could not evaluate: ")
    assert "nowhere" in result.error


def test_values_of_another_type_are_could_not_evaluate():
    result = judge(PEOPLE, [spec("expect_column_values_to_be_between", column="town", min_value=1)]).results[0]
    assert (result.success, result.error[:18]) == (False, "could not evaluate")


@pytest.mark.parametrize("frame", [PEOPLE[:0], pd.DataFrame({"age": [None, None], "town": [None, None]})])
def test_nothing_judged_is_never_a_success(frame):
    result = judge(frame, [BETWEEN]).results[0]
    assert (result.success, result.error) == (False, NOTHING_JUDGED)


def test_a_figure_that_is_missing_is_not_measured_and_not_a_success():
    frame = pd.DataFrame({"coverage": [float("nan")]})
    result = judge(frame, [spec("expect_column_min_to_be_between", column="coverage", min_value=0.0)]).results[0]
    assert (result.success, result.error) == (False, NOTHING_JUDGED)


def test_a_class_set_over_missing_labels_alone_is_not_a_success():
    frame = pd.DataFrame({"label": [None, None]}, dtype=object)
    asked = [spec("expect_column_distinct_values_to_be_in_set", column="label", value_set=["a"])]
    assert judge(frame, asked).results[0].error == NOTHING_JUDGED


def test_a_label_outside_the_class_set_is_shown():
    frame = pd.DataFrame({"label": ["a", "b"]})
    asked = [spec("expect_column_distinct_values_to_be_in_set", column="label", value_set=["a"])]
    assert judge(frame, asked).results[0].observed == {"unexpected": ["b"]}


def test_shards_merge_to_what_the_whole_would_have_said():
    asked = [BETWEEN, spec("expect_column_values_to_not_be_null", column="town")]
    whole = judge(PEOPLE, asked)
    parts = merge([judge(PEOPLE[:2], asked), judge(PEOPLE[2:3], asked), judge(PEOPLE[3:], asked)])
    for one, other in zip(whole.results, parts.results, strict=True):
        assert (one.success, one.judged, one.failed, one.observed) == (
            other.success,
            other.judged,
            other.failed,
            other.observed,
        )


def test_an_empty_shard_does_not_fail_the_others_but_empty_shards_alone_do():
    good = judge(PEOPLE[:1], [BETWEEN])
    empty = judge(PEOPLE[2:3], [BETWEEN])
    assert merge([good, empty]).success
    assert not merge([empty, empty]).success


def test_judging_makes_no_folder_for_a_docs_site_and_draws_no_progress_bar(caplog, capfd):
    augmill.expectations.judge._batches.cache_clear()
    with caplog.at_level("INFO"):
        judge(PEOPLE, [BETWEEN])
    assert "temporary directory" not in caplog.text
    assert capfd.readouterr().err == ""


def test_bad_arguments_are_a_policy_error_that_lists_the_right_ones():
    with pytest.raises(PolicyError, match="min_value") as caught:
        judge(PEOPLE, [spec("expect_column_values_to_be_between", column="age", minimum=1)])
    assert "minimum" in caught.value.cause


@pytest.mark.parametrize("name", sorted(names.ROW | names.DATASET))
def test_every_name_a_suite_may_hold_is_evaluated_on_our_frames(name):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0], "t": ["x", "y", "z"], "j": ["1", "2", "3"]})
    result = judge(frame, [spec(name, **ARGUMENTS.get(name, _arguments(name)))]).results[0]
    assert result.error == "", result


def _arguments(name):
    if "multicolumn" in name or "compound" in name or "select_column" in name:
        return {"column_list": ["a", "b"]}
    if "pair" in name:
        return {"column_A": "b", "column_B": "a"}
    if name.startswith("expect_table"):
        return {"min_value": 1} if name.endswith("between") else {"value": 3}
    if "regex_list" in name:
        return {"column": "t", "regex_list": ["^[xyz]$"]}
    if "regex" in name:
        return {"column": "t", "regex": "^[xyz]$"}
    if "_set" in name or "in_set" in name:
        return {"column": "a", "value_set": [1.0, 2.0, 3.0]}
    return {"column": "a", "min_value": 0, "max_value": 9} if name.endswith("between") else {"column": "a"}


ARGUMENTS = {
    "expect_column_pair_values_to_be_in_set": {"column_A": "a", "column_B": "b", "value_pairs_set": [(1.0, 4.0)]},
    "expect_column_value_lengths_to_be_between": {"column": "t", "min_value": 1},
    "expect_column_value_lengths_to_equal": {"column": "t", "value": 1},
    "expect_column_values_to_be_dateutil_parseable": {"column": "j"},
    "expect_column_values_to_be_json_parseable": {"column": "j"},
    "expect_column_values_to_match_json_schema": {"column": "j", "json_schema": {"type": "integer"}},
    "expect_column_values_to_match_strftime_format": {"column": "j", "strftime_format": "%d"},
    "expect_multicolumn_sum_to_equal": {"column_list": ["a", "b"], "sum_total": 5.0},
    "expect_column_kl_divergence_to_be_less_than": {
        "column": "t",
        "partition_object": {"values": ["x", "y", "z"], "weights": [0.3, 0.3, 0.4]},
        "threshold": 0.5,
    },
    "expect_column_quantile_values_to_be_between": {
        "column": "a",
        "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, 3]]},
    },
    "expect_column_value_z_scores_to_be_less_than": {"column": "a", "threshold": 3, "double_sided": True},
    "expect_column_values_to_be_in_type_list": {"column": "a", "type_list": ["float64"]},
    "expect_column_values_to_be_of_type": {"column": "a", "type_": "float64"},
    "expect_table_columns_to_match_ordered_list": {"column_list": ["a", "b", "t", "j"]},
    "expect_table_columns_to_match_set": {"column_set": ["a", "b", "t", "j"]},
}
