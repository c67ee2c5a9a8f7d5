import pandas as pd
import pytest

from augmill.expectations.judge import judge
from augmill.expectations.suite import Spec, parse_suite
from augmill.policies.errors import PolicyError

NAME = "expect_column_values_to_hold_no_personal_data"
FRAME = pd.DataFrame(
    {"text": ["none", "ada@example.com", None, "ring +44 7911 123456"], "number": [4111111111111111, 1, 2, 3]}
)


def asked(**kwargs):
    return judge(FRAME, [Spec(type=NAME, kwargs=kwargs)])


def test_rows_with_personal_data_fail_and_are_shown_without_it():
    verdict = asked(column="text")
    assert verdict.rows == ((1, 3),)
    assert [failing.values for failing in verdict.results[0].failing] == [{"text": "<email>"}, {"text": "ring <phone>"}]
    assert verdict.reasons()[1] == [f"text: expected hold no personal data ({NAME})"]


def test_only_the_kinds_asked_for_count():
    assert asked(column="text", kinds=["email"]).rows == ((1,),)
    with pytest.raises(PolicyError, match="kinds"):
        asked(column="text", kinds=["mail"])


def test_numbers_are_no_text():
    assert asked(column="number").success


def test_a_suite_may_name_it_and_a_tolerated_share_is_of_all_rows():
    suite = parse_suite(
        f"name: made\nexpectations:\n- {{type: {NAME}, kwargs: {{column: text}}}}\n"
        f"- {{type: {NAME}, kwargs: {{column: text, mostly: 0.9}}}}\n",
        "made.yaml",
    )
    assert [spec.kwargs for spec in suite.row()] == [{"column": "text"}]
    assert [spec.kwargs for spec in suite.dataset()] == [{"column": "text", "mostly": 0.9}]
