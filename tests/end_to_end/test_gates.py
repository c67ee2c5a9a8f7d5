"""Gates before publishing: a planted fault ends the run with its page, and nothing is published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from augmill.policies.errors import DataError
from augmill.tasks.stages.publish import Version
from tests.end_to_end.helpers import HEADER, LOOSE, MILD, NOISE, go, policy, rows, table_of, table_rows, write_csv

ROWS = 120


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_csv(tmp_path / "data.csv", table_rows(0, ROWS))
    return tmp_path


def gated(folder: Path, gates: str, steps: str = NOISE, **more: str) -> Path:
    return policy(folder, "data.csv", steps, gates=gates, **more)


def publish(folder: Path, gates: str, steps: str = NOISE, **more: str) -> Version:
    return go(gated(folder, gates, steps, **more), folder / "lake")


def refused(folder: Path, gates: str, steps: str = NOISE, **more: str) -> list[dict[str, Any]]:
    """The answers that ended a run, which must not have published anything and must have left its page."""
    with pytest.raises(DataError) as caught:
        publish(folder, gates, steps, **more)
    assert "nothing was published, because these gates failed" in str(caught.value)
    assert table_of(folder / "lake").versions() == []
    page = Path(caught.value.report["report"]).read_text()
    assert "Nothing was published." in page
    assert all(answer["name"].replace("_", " ") in page for answer in caught.value.report["failed"])
    return caught.value.report["failed"]


def with_column(folder: Path, name: str, values: list[str]) -> None:
    """The data with one more column that says where its rows come from."""
    lines = [f"{line},{value}" for line, value in zip(table_rows(0, len(values)), values, strict=True)]
    write_csv(folder / "data.csv", lines, f"{HEADER},{name}")


MADE = ["synthetic" if number % 10 == 0 else "real" for number in range(ROWS)]


def test_rows_that_were_made_before_they_came_are_not_learned_from(folder):
    with_column(folder, "how", MADE)
    generations, learned = refused(folder, "{}", ignore="[colour, how]")
    assert (generations["name"], generations["observed"]) == ("generations", 2)
    assert (learned["name"], learned["target"]) == ("made_rows_learned_from", "<= 0")
    assert 0 < learned["observed"] <= 12
    assert "the source says by how" in learned["description"]


def test_a_column_of_other_words_or_of_depths_has_to_be_named(folder):
    with_column(folder, "how", [value.replace("synthetic", "gan") for value in MADE])
    publish(folder, "{}", ignore="[colour, how]")
    with_column(folder, "generation", ["2" if value == "synthetic" else "" for value in MADE])
    assert publish(folder, "{}", ignore="[colour, generation]", dataset="deep").number == 0
    with pytest.raises(DataError, match="generations: observed 3, wanted <= 1"):
        publish(folder, "{collapse: {depth: generation}}", ignore="[colour, generation]", dataset="deep")


def test_a_column_that_is_not_there_is_named_with_the_key(folder):
    with pytest.raises(DataError, match=r"gates\.collapse\.origin names 'made_by', and the source has no such column"):
        publish(folder, "{collapse: {origin: made_by}}")


def test_a_step_that_was_fitted_on_made_rows_is_caught(folder):
    """Planted: the pool of a step holds rows of a file of children."""

    def spoil(run, fitted):
        step = fitted.steps[0]
        places = run.ctx.work.read_table(f"{step.index}.parquet")
        files = ["augmill_split=train/augmill_origin=synthetic/x.parquet"] * 3 + places["file"].to_pylist()[3:]
        spoilt = places.set_column(places.column_names.index("file"), "file", [files])
        run.ctx.work.write_table("index/spoilt.parquet", spoilt)
        return replace(fitted, steps=(replace(step, index="index/spoilt"), *fitted.steps[1:]))

    with pytest.raises(DataError) as caught:
        go(gated(folder, "{}"), folder / "lake", tamper={"fit": spoil})
    (answer,) = caught.value.report["failed"]
    assert (answer["name"], answer["observed"], len(answer["failing"])) == ("made_rows_learned_from", 3, 3)
    assert table_of(folder / "lake").versions() == []


def test_the_guard_can_be_left_out(folder):
    with_column(folder, "how", MADE)
    assert answers(publish(folder, "{collapse: null}", ignore="[colour, how]")) == {}


def answers(version: Version) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in version.manifest.figures["checks"] if check["layer"] == "gates"}


def test_a_run_that_costs_more_rows_than_allowed_is_refused(folder):
    (answer,) = refused(folder, "{budgets: {max_rows: 10}}")
    made = answer["observed"]
    assert (answer["name"], answer["target"], made > 10) == ("rows_budget", "<= 10", True)
    assert answers(publish(folder, f"{{budgets: {{max_rows: {made}}}}}"))["rows_budget"]["success"]


def test_every_budget_that_is_overrun_is_named(folder):
    budgets = "{max_bytes: 1, max_cpu_seconds: 0.0, max_money: 0.0, price_per_cpu_hour: 1.0, price_per_gb: 2.0}"
    found = {answer["name"]: answer["observed"] for answer in refused(folder, f"{{budgets: {budgets}}}")}
    assert list(found) == ["bytes_budget", "cpu_seconds_budget", "money_budget"]
    money = found["cpu_seconds_budget"] / 3600 + 2 * found["bytes_budget"] / 1e9
    assert found["money_budget"] == pytest.approx(money)


WIDE = """
  - name: wild
    transforms: [{use: tabular.gaussian_noise, params: {scale: 1.5}, invariance: none}]
    amount: {copies: 40}
    only: [reed]
"""


def test_harmful_augmentation_is_not_published(folder):
    write_csv(folder / "data.csv", table_rows(0, 800))
    split = "{fractions: {train: 0.3, validation: 0.7}}"
    asked = "{model_delta: {metric: macro_f1, by: upper, min_rows_per_class: 20}}"
    checks = f"{{label_consistency: {MILD[:-1]}, on_failure: warn}}, distribution: {LOOSE}}}"
    (answer,) = refused(folder, asked, WIDE, split=split, checks=checks)
    assert answer["name"] == "model_delta"
    assert answer["observed"] < 0.0


def test_too_few_rows_to_judge_is_a_warning_on_the_record(folder):
    version = publish(folder, "{model_delta: {}}")
    answer = answers(version)["model_delta"]
    assert (answer["success"], answer["too_few"], answer["on_failure"]) == (False, True, "warn")
    assert answer["error"].startswith("too few rows to judge: 10 validation rows are needed, there are of class ")


def test_too_few_rows_end_the_run_where_that_was_asked(folder):
    (answer,) = refused(folder, "{model_delta: {on_too_few: fail}}")
    assert answer["too_few"]


def test_a_gate_that_only_warns_publishes_and_is_on_record(folder):
    answer = answers(publish(folder, "{budgets: {max_rows: 10, on_failure: warn}}"))["rows_budget"]
    assert (answer["success"], answer["on_failure"]) == (False, "warn")


def test_figures_of_the_clock_are_no_figures_of_the_version(folder):
    version = publish(folder, "{budgets: {max_cpu_seconds: 1000.0, max_rows: 1000}}")
    assert list(answers(version)) == ["generations", "made_rows_learned_from", "rows_budget"]


def test_another_target_is_another_run_of_the_same_rows(folder):
    publish(folder, "{budgets: {max_rows: 1000}}")
    before = rows(folder / "lake", 0)
    version = publish(folder, "{budgets: {max_rows: 1001}}")
    assert version.number == 1
    assert rows(folder / "lake", 1) == before
    assert publish(folder, "{budgets: {max_rows: 1001}}").skipped
