"""Verdicts become entries that name the check, its figure and its rows."""

import json

import pandas as pd

from augmill.expectations.checks import semantic, structural
from augmill.expectations.judge import judge
from augmill.policies.schema import LabelConsistency
from augmill.tasks.documents.check_reports import answers


def test_an_expectation_of_ours_brings_its_description_and_a_built_in_one_its_column():
    frame = pd.DataFrame({"parents_exist": [True, False]})
    ours, built_in = answers(judge(frame, structural(list(frame)), ["a", "b"]), "structural")
    assert (ours["name"], ours["target"], ours["observed"]) == ("parents_to_exist", "true", 0.5)
    assert ours["description"].startswith("Every child names its parents")
    assert ours["failing"] == [{"sample_id": "b", "values": {"parents_exist": False}}]
    assert built_in["name"] == "column_values_to_not_be_null(parents_exist)"
    json.dumps([ours, built_in])


def test_a_figure_has_no_count_of_rows():
    frame = pd.DataFrame({"label_consistency_rate": [0.5]})
    [figure, *_] = answers(judge(frame, semantic(LabelConsistency())[:1]), "semantic")
    assert "judged" not in figure
    assert (figure["name"], figure["observed"], figure["success"]) == ("label_consistency_rate", 0.5, False)
