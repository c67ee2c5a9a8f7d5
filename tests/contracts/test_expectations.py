"""Laws that hold for every expectation that exists."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import augmill.expectations
from augmill.expectations import checks, names
from augmill.expectations.build import expectation_class, library, shipped_modules
from augmill.expectations.judge import judge
from augmill.expectations.suite import Spec
from augmill.policies.schema import Distribution, LabelConsistency

FOLDER = Path(augmill.expectations.__file__).parent


def ours():
    library()
    found = {}
    for module in shipped_modules():
        loaded = importlib.import_module(f"augmill.expectations.{module}")
        found |= {
            one.expectation_type: one
            for one in vars(loaded).values()
            if getattr(one, "__module__", "") == loaded.__name__ and hasattr(one, "expectation_type")
        }
    return found


OF_FIGURES = [
    *checks.semantic(LabelConsistency()),
    *checks.distributional(
        Distribution(),
        (
            "copy_share",
            "near_copy_share",
            "coverage",
            "out_of_range_share",
            "columns_of_other_type",
            "class_share_gap",
        ),
    ),
]


def column_of(name):
    return expectation_class(name).__fields__["column"].default


def test_every_expectation_of_ours_is_for_a_check_or_a_suite_and_every_check_has_one():
    used = {spec.type for spec in OF_FIGURES} | set(checks.STRUCTURAL.values()) | names.OURS
    remedy = "a class for suites and `custom` goes into a file expect_NAME.py; others into checks.py or names.OURS"
    assert used == set(ours()), remedy


def test_the_names_a_suite_may_hold_are_those_of_the_library():
    library()
    registry = importlib.import_module("great_expectations.expectations.registry")
    theirs = {
        name
        for name, found in registry._registered_expectations.items()
        if found.__module__.startswith("great_expectations.expectations.core")
    }
    assert names.ROW | names.DATASET | set(names.REFUSED) == theirs
    assert not names.ROW & names.DATASET


def test_no_expectation_imports_a_task():
    for file in FOLDER.glob("*.py"):
        text = file.read_text()
        assert "import tasks" not in text, file
        assert "from tasks" not in text, file


@pytest.mark.parametrize("name", sorted(ours()))
def test_every_expectation_says_what_it_expects(name):
    found = ours()[name]
    assert found.__doc__
    assert found.__fields__["description"].default.endswith(".")


@pytest.mark.parametrize("column", sorted(checks.STRUCTURAL))
def test_a_structural_expectation_fails_on_one_false_and_on_one_missing_row(column):
    asked = checks.structural([column, "sample_id"])
    assert asked[0].type == checks.STRUCTURAL[column]
    assert judge(pd.DataFrame({column: [True, True]}), asked).success
    wrong = judge(pd.DataFrame({column: [True, False]}), asked, ["good", "bad"])
    assert [failing.sample_id for failing in wrong.results[0].failing] == ["bad"]
    assert not judge(pd.DataFrame({column: [True, None]}), asked).success
    assert not judge(pd.DataFrame({column: np.array([], dtype=bool)}), asked).success


@pytest.mark.parametrize("spec", OF_FIGURES, ids=lambda spec: spec.type)
def test_an_expectation_of_a_figure_holds_at_its_target_and_fails_beyond_it(spec):
    column, [target] = column_of(spec.type), spec.kwargs.values()
    beyond = target + (1e-6 if "max_value" in spec.kwargs else -1e-6)
    assert judge(pd.DataFrame({column: [target]}), [spec]).success
    assert not judge(pd.DataFrame({column: [beyond]}), [spec]).success


@pytest.mark.parametrize("spec", OF_FIGURES, ids=lambda spec: spec.type)
@pytest.mark.parametrize("frame", [pd.DataFrame({"other": [1.0]}), pd.DataFrame({"figure": [None]})])
def test_a_figure_that_was_not_measured_fails(spec, frame):
    frame = frame.rename(columns={"figure": column_of(spec.type)})
    result = judge(frame.astype(float), [spec]).results[0]
    assert not result.success
    assert result.error


def test_a_users_own_class_wins_over_no_built_in_and_is_found_by_name():
    gxe = library().expectations

    class ExpectMoon(gxe.ExpectColumnValuesToBeInSet):
        column: str = "phase"
        value_set: tuple[str, ...] = ("new", "full")

    verdict = judge(
        pd.DataFrame({"phase": ["new", "half"]}), [Spec(type="expect_moon")], None, {"expect_moon": ExpectMoon}
    )
    assert [failing.values for failing in verdict.results[0].failing] == [{"phase": "half"}]
