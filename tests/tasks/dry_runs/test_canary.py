import shutil
from dataclasses import replace

import pytest

from augmill.policies.errors import StorageError
from augmill.tasks import pipeline
from augmill.tasks.dry_runs import canary, source_sample
from augmill.tasks.dry_runs.plan import plan
from augmill.tasks.runners.thread import Runner
from augmill.tasks.runs.request import resolve_request
from tests.end_to_end.helpers import GOOD, LOOSE, NOISE, SMOTE, policy, suite, table_rows, write_csv


@pytest.fixture
def fly(tmp_path):
    """Plan a policy over rows, then fly its canary, as a review does."""

    def flown(file, **changed):
        scratch, lake = tmp_path / "scratch", tmp_path / "canary"
        for folder in (scratch, lake):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        asked = resolve_request(file, lake=str(tmp_path / "lake"), home=tmp_path / "home")
        with Runner(2) as runner:
            planned = plan(asked, runner, str(scratch))
            assert planned["exit_code"] == changed.pop("planned", 0)
            real = planned["rows"]["after"]["train"]["real"]
            return canary.run_canary(replace(asked, **changed), runner, str(scratch), str(lake), real)

    return flown


def failing(found):
    return {one["name"]: one["doubt"] for one in found["checks"] if not one["success"] and one["on_failure"] == "fail"}


def test_a_source_that_is_small_is_tried_whole_and_published_nowhere_else(tmp_path, fly):
    write_csv(tmp_path / "raw.csv", GOOD)
    found = fly(policy(tmp_path, "raw.csv"))
    assert found["sample"] == {"rows": 100, "of": 100, "whole": True, "classes_left": 0}
    assert (found["exit_code"], found["published"], found["fault"]) == (0, True, None)
    assert [(step["name"], step["made"]) for step in found["steps"]] == [("between", 13), ("shaken", 70)]
    assert (tmp_path / "canary" / "made" / "_delta_log").is_dir()
    assert not (tmp_path / "lake").exists()


@pytest.fixture
def small(monkeypatch):
    """Samples as small as a test can pay for."""
    monkeypatch.setattr(source_sample, "MOST_ROWS", 150)
    monkeypatch.setattr(source_sample, "FEWEST_ROWS", 60)
    monkeypatch.setattr(canary, "MOST_CHILDREN", 60)
    monkeypatch.setattr(canary, "FEWEST_CHILDREN", 20)


def test_a_large_source_is_sampled_by_class_and_so_are_its_children(tmp_path, fly, small):
    write_csv(tmp_path / "raw.csv", table_rows(0, 900))
    found = fly(policy(tmp_path, "raw.csv"))
    assert not found["sample"]["whole"]
    assert 150 < found["sample"]["rows"] < 220  # the rarest class has more than its share
    assert found["exit_code"] == 0
    made = {step["name"]: step["made"] for step in found["steps"]}
    assert 20 <= made["between"] <= 60
    assert made["shaken"] < 100
    assert {rate["label"] for rate in found["rates"]} == {"hay", "straw", "reed"}


FLIPS = """
  - name: far
    transforms: [{use: tabular.gaussian_noise, params: {scale: 2.0}, invariance: it is not}]
    amount: {copies: 1}
"""
STRICT = "{label_consistency: {on_failure: fail}, distribution: " + LOOSE + "}"


@pytest.mark.parametrize("rows", [120, 900])
def test_a_policy_that_flips_labels_fails_its_canary(tmp_path, fly, small, rows):
    write_csv(tmp_path / "raw.csv", table_rows(0, rows))
    found = fly(policy(tmp_path, "raw.csv", FLIPS, checks=STRICT))
    assert found["exit_code"] == 3
    assert failing(found)["label_consistency_rate"] is None
    assert not found["published"]


def test_a_gate_that_a_sample_cannot_decide_is_a_remark(tmp_path, fly, small):
    write_csv(tmp_path / "raw.csv", table_rows(0, 900))
    gates = "{model_delta: {metric: macro_f1, min: 0.0, min_rows_per_class: 2, on_failure: fail}}"
    found = fly(policy(tmp_path, "raw.csv", NOISE, gates=gates))
    assert failing(found)["model_delta"].startswith("on so few rows it may be")
    assert found["exit_code"] == 0


def test_shares_of_all_rows_are_left_to_the_plan(tmp_path, fly, small):
    write_csv(tmp_path / "raw.csv", table_rows(0, 900))
    gates = "{budgets: {max_rows: 100}, collapse: {min_real_share: 0.4}}"
    names = {one["name"] for one in fly(policy(tmp_path, "raw.csv", NOISE, gates=gates))["checks"]}
    assert {"generations", "made_rows_learned_from"} <= names
    assert not {"rows_budget", "real_share"} & names


def test_what_all_rows_passed_and_a_sample_cannot_is_said_of_the_sample(tmp_path, fly, small, monkeypatch):
    monkeypatch.setattr(source_sample, "FEWEST_ROWS", 5)
    write_csv(tmp_path / "raw.csv", table_rows(0, 900))
    many = SMOTE.replace("k_neighbors: 3", "k_neighbors: 30")
    found = fly(policy(tmp_path, "raw.csv", many))
    assert found["stage"] == "fit"
    assert found["fault"]["sample_too_small"]
    assert found["exit_code"] == 0


def test_a_suite_is_judged_by_all_rows_and_not_by_the_sample(tmp_path, fly, small):
    folder = tmp_path / "policies"
    write_csv(folder / "raw.csv", table_rows(0, 900))
    enough = "name: policies\nexpectations:\n- {type: expect_table_row_count_to_be_between, kwargs: {min_value: 800}}\n"
    assert fly(policy(folder, "raw.csv", **suite(folder, enough)))["exit_code"] == 0


def test_a_lake_that_fails_is_no_fault_of_the_policy(tmp_path, fly, monkeypatch):
    write_csv(tmp_path / "raw.csv", GOOD)

    def verify(*_):
        raise StorageError("the disk is full", "Free some space.")

    monkeypatch.setattr(pipeline, "verify", verify)
    found = fly(policy(tmp_path, "raw.csv"))
    assert (found["exit_code"], found["stage"], found["fault"]["sample_too_small"]) == (4, "verify", False)
