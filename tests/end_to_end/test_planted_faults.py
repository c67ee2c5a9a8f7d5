"""Planted faults: each is caught by the check that exists for it, by name, and nothing is published."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from augmill.policies.errors import DataError
from augmill.tasks.rows.provenance import ORIGIN, PARENT_IDS, REAL, RECIPE_HASH, SAMPLE_ID, SPLIT
from augmill.tasks.runs.descriptors import ChildShard
from augmill.tasks.runs.run import Run
from augmill.tasks.stages.split import RealRows
from tests.end_to_end.helpers import (
    HEADER,
    LOOSE,
    MILD,
    NOISE,
    SMOTE,
    go,
    picture_policy,
    policy,
    quarantined,
    rows,
    table_of,
    table_rows,
    write_csv,
)

Change = Callable[[Run, pa.Table], pa.Table]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A policy whose untampered run is published."""
    write_csv(tmp_path / "data.csv", table_rows(0, 120))
    return policy(tmp_path, "data.csv", NOISE)


def refused(file: Path, dataset: str = "made", **tamper) -> DataError:
    """The error of a run that must not publish."""
    with pytest.raises(DataError) as caught:
        go(file, file.parent / "lake", tamper=tamper)
    assert caught.value.exit_code == 3
    assert "nothing was published" in str(caught.value)
    assert table_of(file.parent / "lake", dataset).versions() == []
    return caught.value


def failed(error: DataError) -> list[str]:
    """The names of the checks that failed."""
    return [check["name"] for check in error.report["failed"]]


def spoiling(change: Change, label: str | None = None):
    """A tamper for the stage augment: the first shard of children (of a label) is changed in the work store."""

    def spoil(run: Run, children: list[ChildShard]) -> list[ChildShard]:
        shard = next(shard for shard in children if label in (None, shard.label))
        table = change(run, run.ctx.work.read_table(f"{shard.name}.parquet"))
        written = run.ctx.work.write_table(f"{shard.name}.parquet", table)
        changed = replace(shard, rows=table.num_rows, bytes=written.bytes)
        return [changed if other is shard else other for other in children]

    return spoil


def first_row(column: str, value: Callable[[Run, pa.Table], object]) -> Change:
    """Another value in one column of the first child."""

    def change(run: Run, table: pa.Table) -> pa.Table:
        values = [value(run, table), *table[column].to_pylist()[1:]]
        at = table.schema.get_field_index(column)
        return table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))

    return change


def real_rows(run: Run, split: str) -> list[dict]:
    """The real rows of a split, as the run has just written them for publishing."""
    found = list(run.ctx.table.list(f"{SPLIT}={split}/{ORIGIN}={REAL}/"))
    return [row for entry in found for row in run.ctx.table.read_table(entry.name).to_pylist()]


def copy_of_a_test_row(run: Run, table: pa.Table) -> pa.Table:
    kind = table["kind"][0].as_py()
    twin = next(row for row in real_rows(run, "test") if row["kind"] == kind)
    for column in ("width", "height", "grains"):
        table = first_row(column, lambda *_, column=column: twin[column])(run, table)
    return table


SPOILED = {
    "parents_to_exist": first_row(PARENT_IDS, lambda *_: ["0" * 32]),
    "parents_in_training": first_row(PARENT_IDS, lambda run, _: [real_rows(run, "test")[0][SAMPLE_ID]]),
    "children_in_training": first_row(SPLIT, lambda *_: "test"),
    "labels_as_promised": first_row("kind", lambda _, table: "reed" if table["kind"][0].as_py() == "hay" else "hay"),
    "provenance_complete": first_row(RECIPE_HASH, lambda *_: None),
    "sample_ids_unique": first_row(SAMPLE_ID, lambda _, table: table[SAMPLE_ID][1].as_py()),
}


def test_without_a_fault_the_run_is_published(file):
    assert go(file, file.parent / "lake").number == 0


@pytest.mark.parametrize("name", list(SPOILED))
def test_a_spoiled_child_is_caught_by_its_check(file, name):
    error = refused(file, augment=spoiling(SPOILED[name]))
    assert name in failed(error)
    assert name in str(error)


def test_a_child_of_a_missing_parent_is_named(file):
    ids = []

    def note(run: Run, table: pa.Table) -> pa.Table:
        ids.append(table[SAMPLE_ID][0].as_py())
        return SPOILED["parents_to_exist"](run, table)

    error = refused(file, augment=spoiling(note))
    assert "parents_to_exist" in failed(error)
    assert ids[0] in str(error)


def test_a_child_that_equals_a_test_row_is_kept_out_and_counted(file):
    lake = file.parent / "lake"
    version = go(file, lake, tamper={"augment": spoiling(copy_of_a_test_row)})
    answers = {check["name"]: check for check in version.manifest.figures["checks"]}
    assert not answers["no_copy_of_held_out_row"]["success"]
    assert answers["class_shares_as_planned"]["observed"] > 0.0, "what is dropped is missing from its class"
    assert version.manifest.figures["rows"]["dropped"] == len(quarantined(lake, children=True))
    (dropped,) = (
        row for row in quarantined(lake, children=True) if row["reasons"] == ["it equals a validation or test row"]
    )
    there = rows(lake)
    assert dropped["sample_id"] not in {row[SAMPLE_ID] for row in there}
    held_out = {(row["width"], row["height"]) for row in there if row[SPLIT] == "test"}
    assert not held_out & {(row["width"], row["height"]) for row in there if row[SPLIT] == "train"}


def leaking(change: Callable[[pa.Table], pa.Table]) -> Callable[[Run, RealRows], RealRows]:
    """A tamper for the stage split: one test row, changed, stands in training as well."""

    def leak(run: Run, real: RealRows) -> RealRows:
        test = next(file for file in real.files if file.split == "test")
        table = change(run.ctx.table.read_table(test.path).slice(0, 1))
        path = f"{SPLIT}=train/{ORIGIN}={REAL}/leaked.parquet"
        written = run.ctx.table.write_table(path, table)
        one = {table["kind"][0].as_py(): 1}
        leaked = replace(test, path=path, split="train", rows=1, bytes=written.bytes, sha256=written.sha256, labels=one)
        return replace(real, files=(*real.files, leaked))

    return leak


def test_a_test_row_leaked_into_training_is_caught(file):
    assert "rows_in_one_split" in failed(refused(file, split=leaking(lambda table: table)))


def test_a_row_of_a_held_out_group_leaked_into_training_is_caught(tmp_path):
    def another_of_its_plot(table: pa.Table) -> pa.Table:
        for name, value in (("width", 77.5), (SAMPLE_ID, "f" * 32)):
            table = table.set_column(table.schema.get_field_index(name), name, pa.array([value]))
        return table

    lines = [f"{line},{number // 4}" for number, line in enumerate(table_rows(0, 200))]
    write_csv(tmp_path / "data.csv", lines, f"{HEADER},plot")
    file = policy(tmp_path, "data.csv", NOISE, split="{group: plot}", ignore="[colour, plot]")
    assert "rows_in_one_split" in failed(refused(file, split=leaking(another_of_its_plot)))


CLASS_OF_41 = [f"{line.rpartition(',')[0]},reed" for line in table_rows(0, 3000, (0.0, 0.0, 1.0))[:41]]
OTHERS = table_rows(5000, 400, (0.6, 0.4, 0.0))


def as_hay(run: Run, table: pa.Table) -> pa.Table:
    """Children with the label they had and the measures of rows of another class, as if labels were swapped."""
    hay = [row for row in real_rows(run, "train") if row["kind"] == "hay"]
    random = np.random.default_rng(0)
    for column in ("width", "height"):
        values = pa.array([hay[at % len(hay)][column] + random.normal(0.0, 0.01) for at in range(table.num_rows)])
        table = table.set_column(table.schema.get_field_index(column), column, values)
    return table


def rare(folder: Path, lines: list[str], **consistency: object) -> Path:
    write_csv(folder / "data.csv", [*lines, *OTHERS])
    asked = json.dumps({"label_consistency": consistency, "distribution": {"on_failure": "warn"}})
    return policy(folder, "data.csv", SMOTE, checks=asked)


def test_labels_swapped_in_a_class_of_41_rows_are_caught(tmp_path):
    error = refused(rare(tmp_path, CLASS_OF_41), augment=spoiling(as_hay, "reed"))
    assert "drop_share" in failed(error)


def test_a_class_of_41_rows_without_a_fault_passes_the_same_checks(tmp_path):
    version = go(rare(tmp_path, CLASS_OF_41), tmp_path / "lake")
    assert version.manifest.figures["rows"]["dropped"] == 0
    assert [rate["judged"] > 60 for rate in version.manifest.figures["rates"]] == [True]


def test_a_class_too_small_to_judge_is_said_to_be(tmp_path):
    error = refused(rare(tmp_path, CLASS_OF_41[:8], on_too_few="fail"))
    assert "enough_rows_to_judge" in failed(error)
    version = go(rare(tmp_path, CLASS_OF_41[:8], on_too_few="warn"), tmp_path / "lake")
    answers = {check["name"]: check["success"] for check in version.manifest.figures["checks"]}
    assert answers["enough_rows_to_judge"] is False


FLIPPED = """
  - name: upside-down
    transforms:
      - use: image.vertical_flip  # noqa: AUG201 planted on purpose: a 6 becomes a 9
        invariance: none
    amount: {copies: 1}
    only: ["2", "5", "6", "7"]
"""
DEFAULT = f"{{distribution: {LOOSE}}}"


def digits(folder: Path, steps: str, checks: str) -> Path:
    more = {"label_depends_on": "[orientation]", "checks": checks}
    return picture_policy(folder, "builtin:digits", steps, dataset="digits", **more)


def test_flipped_digits_are_caught_by_label_consistency(tmp_path):
    file = digits(tmp_path, FLIPPED, DEFAULT)
    assert "drop_share" in failed(refused(file, "digits"))


@pytest.mark.slow
def test_digits_moved_by_a_pixel_are_not_taken_for_wrong(tmp_path):
    """The check above would be worth nothing if it refused everything."""
    shifted = FLIPPED.replace("image.vertical_flip", "image.affine")
    assert go(digits(tmp_path, shifted, DEFAULT), tmp_path / "lake").number == 0


def shaken_hard(folder: Path, consistency: str = "") -> Path:
    write_csv(folder / "data.csv", table_rows(0, 200, (0.4, 0.3, 0.3)))
    asked = MILD.replace("}", f", alpha: 0.05{consistency}}}")
    return policy(
        folder,
        "data.csv",
        NOISE.replace("0.05", "0.6"),
        checks=f"{{label_consistency: {asked}, distribution: {LOOSE}}}",
    )


def test_a_rejected_child_overruled_by_a_person_is_published_and_the_record_says_so(tmp_path):
    lake = tmp_path / "lake"
    first = go(shaken_hard(tmp_path), lake)
    rejected = sorted(row["sample_id"] for row in quarantined(lake, children=True))
    assert first.manifest.figures["rows"]["dropped"] == len(rejected) > 1
    assert not {row[SAMPLE_ID] for row in rows(lake)} & set(rejected)
    second = go(shaken_hard(tmp_path, f", overrule: {{'{rejected[0]}': looked at it}}"), lake)
    there = {row[SAMPLE_ID] for row in rows(lake)}
    assert rejected[0] in there
    assert not there & set(rejected[1:])
    assert second.manifest.figures["overruled"] == {rejected[0]: "looked at it"}
    assert second.manifest.figures["rows"]["dropped"] == len(rejected) - 1
