"""A suite file is read whole, or refused with the line of every fault."""

import pytest

from augmill.expectations.build import check_suite
from augmill.expectations.suite import load_suite, parse_suite
from augmill.policies.errors import PolicyError

GOOD = """\
name: towns
budget: {max_quarantine_share: 0.02}
columns: {extra: refuse}
expectations:
  - type: expect_column_values_to_not_be_null
    kwargs: {column: town}
  - type: expect_column_values_to_be_between
    kwargs: {column: age, min_value: 0, mostly: 0.9}
  - type: expect_column_values_to_be_unique
    kwargs: {column: id}
  - type: expect_table_row_count_to_be_between
    kwargs: {min_value: 10}
"""


def findings(text):
    with pytest.raises(PolicyError) as caught:
        parse_suite(text, "towns.yaml")
    return [(finding.line, finding.rule, finding.remedy) for finding in caught.value.findings]


def test_expectations_are_parted_into_those_of_one_row_and_those_of_all_rows():
    suite = parse_suite(GOOD, "towns.yaml")
    assert [spec.type for spec in suite.row()] == ["expect_column_values_to_not_be_null"]
    assert [spec.type for spec in suite.dataset()] == [
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_unique",
        "expect_table_row_count_to_be_between",
    ]
    assert (suite.budget.max_quarantine_share, suite.columns.extra, suite.columns.missing) == (0.02, "refuse", "refuse")


def test_an_unknown_expectation_is_refused_with_its_line_and_near_misses():
    text = GOOD.replace("to_be_unique", "to_be_uniqe")
    [(line, rule, remedy)] = findings(text)
    assert (line, rule) == (9, "AUG012")
    assert remedy.startswith("Did you mean expect_column_values_to_be_unique")


def test_an_expectation_that_needs_a_database_is_refused_with_the_reason():
    [(line, rule, _)] = findings(GOOD.replace("expect_column_values_to_be_unique", "unexpected_rows_expectation"))
    assert (line, rule) == (9, "AUG012")


def test_all_faults_are_reported_at_once():
    text = GOOD.replace("extra: refuse", "extra: maybe").replace("to_be_unique", "to_be_uniqe").replace("0.02", "2")
    assert [line for line, _, _ in findings(text)] == [2, 3, 9]


def test_an_unknown_key_is_refused():
    [(line, _, remedy)] = findings(GOOD.replace("budget", "budgets"))
    assert (line, remedy) == (2, "Did you mean budget?")


@pytest.mark.parametrize("text", ["", "- a", "name: [", "name: !!python/object:os.system x", "a: &a [*a]"])
def test_a_text_that_is_no_suite_is_refused(text):
    assert findings(text)


def test_bad_arguments_are_reported_with_their_line():
    suite = parse_suite(GOOD.replace("column: town", "colum: town"), "towns.yaml")
    with pytest.raises(PolicyError) as caught:
        check_suite(suite)
    assert [(finding.line, finding.rule) for finding in caught.value.findings] == [(5, "AUG011")]
    check_suite(parse_suite(GOOD, "towns.yaml"))


def test_users_own_expectations_are_known_by_the_scope_they_declare():
    text = "name: mine\nexpectations:\n  - {type: expect_moon, kwargs: {column: a}}\n"
    assert parse_suite(text, "mine.yaml", {"expect_moon": "row"}).row()
    assert findings(text)[0][1] == "AUG012"


def test_a_missing_file_is_a_policy_error(tmp_path):
    with pytest.raises(PolicyError, match="cannot be read"):
        load_suite(tmp_path / "none.yaml")


def test_a_suite_file_is_read_from_disk(tmp_path):
    (tmp_path / "towns.yaml").write_text(GOOD)
    assert load_suite(tmp_path / "towns.yaml").name == "towns"
