"""`augmill quarantine`: what waits and why, what was mended, what is gone, and the rows as a file."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq
import pytest

from augmill.flows.cli import main
from augmill.policies.errors import DataError
from augmill.tasks.rows.provenance import ORIGIN, REAL
from augmill.tasks.versions.quarantine_listing import Quarantine, export
from tests.end_to_end.helpers import LOOSE, MILD, NOISE, go, policy, rows, suite, table_rows, write_csv

SUITE = """
name: made
budget: {max_quarantine_share: SHARE}
expectations:
  - type: expect_column_values_to_be_of_type
    kwargs: {column: grains, type_: int64}
  - type: expect_column_values_to_be_between
    kwargs: {column: grains, min_value: 0}
"""
GOOD = table_rows(0, 60)
NEGATIVE = "1.5,2.5,-3,pale,hay"
WORDED = "1.25,2.25,ada@example.com,pale,hay"
UNLABELLED = "1.75,2.75,3,pale,"
SHORT = "1.5,2.5"
BROKEN = [NEGATIVE, WORDED, UNLABELLED, SHORT]


@pytest.fixture
def lake(tmp_path, monkeypatch):
    """A dataset with four rows in quarantine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    run(tmp_path, [*GOOD, *BROKEN])
    return tmp_path


def run(folder, lines, share=0.1):
    checks = f"{{label_consistency: {MILD}, distribution: {LOOSE}}}"
    write_csv(folder / "data.csv", lines)
    more = suite(folder, SUITE.replace("SHARE", str(share)))
    return go(policy(folder, "data.csv", NOISE, checks=checks, **more), folder / "home" / "lake")


def told(capfd, *arguments, reference="made"):
    capfd.readouterr()
    assert main(["quarantine", reference, *arguments]) == 0
    return capfd.readouterr().out


def document(capfd, reference="made"):
    return json.loads(told(capfd, "--json", reference=reference))


def test_reasons_are_counted_and_shown_with_examples(lake, capfd):
    found = document(capfd)
    assert found["rows"] == {"waiting": 4, "taken in": 0, "gone": 0}
    reasons = {one["reason"]: one for one in found["reasons"]}
    assert set(reasons) == {
        "grains: expected >= 0",
        "column 'grains': a cell is not a whole number",
        "its label is missing",
        "expected 5 fields, got 2",
    }
    assert [one["rows"] for one in found["reasons"]] == [1, 1, 1, 1]
    (example,) = reasons["its label is missing"]["examples"]
    assert (example["object"], example["row"]) == ("data.csv", len(GOOD) + 2)
    assert "2.75" in example["content"]
    text = told(capfd)
    assert text.startswith("made: 4 rows in quarantine.\n  1 x ")
    assert f"data.csv row {len(GOOD) + 3}: {SHORT}\n" in text
    assert "<email>" in text
    assert "ada@" not in text


def test_a_row_mended_at_its_source_is_taken_in_and_one_that_is_gone_is_gone(lake, capfd):
    before = len([row for row in rows(lake / "home" / "lake") if row[ORIGIN] == REAL])
    mended = NEGATIVE.replace("-3", "3")
    run(lake, [*GOOD, mended, WORDED, GOOD[0].replace(",", "1,", 2)])
    after = [row for row in rows(lake / "home" / "lake") if row[ORIGIN] == REAL]
    assert len(after) == before + 2
    assert any(row["grains"] == 3 and row["width"] == 1.5 for row in after)
    found = document(capfd)
    assert found["rows"] == {"waiting": 1, "taken in": 1, "gone": 2}
    past = {one["status"]: [reason["reason"] for reason in one["reasons"]] for one in found["past"]}
    assert past["taken in"] == ["grains: expected >= 0"]
    assert sorted(past["gone"]) == ["expected 5 fields, got 2", "its label is missing"]
    text = told(capfd)
    assert "1 row refused before, mended and taken in since:\n  1 x grains: expected >= 0\n" in text
    assert "2 rows refused before, no longer in the source:" in text
    assert document(capfd, "made@0")["rows"] == {"waiting": 1, "taken in": 1, "gone": 2}
    assert document(capfd, "made@1")["rows"] == {"waiting": 1, "taken in": 0, "gone": 0}


def test_rows_that_are_broken_again_wait_again(lake, capfd):
    run(lake, GOOD)
    assert document(capfd)["rows"] == {"waiting": 0, "taken in": 0, "gone": 4}
    run(lake, [*GOOD, *[f"{number}.5,2.5,3,pale," for number in range(4)]])
    assert [one["reason"] for one in document(capfd)["reasons"]] == ["its label is missing"]
    run(lake, [*GOOD, *BROKEN])
    found = document(capfd)
    assert found["rows"] == {"waiting": 4, "taken in": 0, "gone": 0}
    assert len(found["reasons"]) == 4


def test_a_run_that_publishes_nothing_still_says_why(lake, capfd):
    worse = [*GOOD, *BROKEN, *[UNLABELLED] * 20]
    with pytest.raises(DataError, match="24 of 84 rows failed"):
        run(lake, worse)
    found = document(capfd)
    assert found["rows"]["waiting"] == 24
    assert found["reasons"][0]["reason"] == "its label is missing"
    assert found["reasons"][0]["rows"] == 21
    assert len(found["reasons"][0]["examples"]) == 3


def test_a_dataset_without_any_version_has_a_quarantine_all_the_same(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    with pytest.raises(DataError):
        run(tmp_path, [*GOOD, *BROKEN], share=0.01)
    found = document(capfd)
    assert found["version"] is None
    assert found["rows"]["waiting"] == 4


def test_children_that_checks_rejected_are_told_apart(lake, capfd):
    strict = "{label_consistency: {min_rate: 0.0, max_drop_share: 1.0, max_unfamiliar_share: 1.0, alpha: 0.05}"
    strict += f", distribution: {LOOSE}}}"
    write_csv(lake / "data.csv", table_rows(0, 300))
    far = NOISE.replace("scale: 0.05", "scale: 2.0")
    version = go(policy(lake, "data.csv", far, checks=strict), lake / "home" / "lake")
    found = document(capfd)
    assert found["children"]["rows"] == version.manifest.figures["rows"]["dropped"] > 0
    assert sum(found["rows"].values()) == 4
    assert "x a child that the checks rejected" in told(capfd)


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "folder"])
def test_all_refused_rows_can_be_exported(lake, capfd, name):
    told(capfd, "--export", name)
    file = lake / name if "." in name else lake / name / "quarantine.parquet"
    if file.suffix == ".csv":
        with file.open() as stream:
            found = list(csv.DictReader(stream))
    else:
        found = pq.read_table(file).to_pylist()
    assert [int(row["row"]) for row in found] == [len(GOOD) + number for number in range(4)]
    assert {row["status"] for row in found} == {"waiting"}
    assert "grains: expected >= 0" in str(found[0]["reasons"])
    assert main(["quarantine", "made", "--export", name]) == 2
    assert "exists already" in capfd.readouterr().err


def test_no_cell_of_an_exported_csv_is_a_formula(tmp_path):
    row = {"status": "waiting", "object": "=cmd|' /C calc'!A0.csv", "row": 7, "reasons": ["-1 is not", "@x"]}
    export(Quarantine("made", None, [row], []), tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open() as stream:
        (found,) = csv.DictReader(stream)
    assert (found["object"], found["reasons"]) == ("'=cmd|' /C calc'!A0.csv", "'-1 is not; @x")
    assert (found["row"], found["status"]) == ("7", "waiting")


def test_an_export_goes_into_no_other_kind_of_file(lake, capfd):
    assert main(["quarantine", "made", "--export", "rows.xlsx"]) == 2
    assert "neither .csv nor .parquet" in capfd.readouterr().err


def test_unknown_and_empty_are_clear(lake, capfd):
    assert main(["quarantine", "nothing"]) == 2
    assert "there is no dataset 'nothing'" in capfd.readouterr().err
    assert main(["quarantine", "made@7"]) == 2
    assert "no version 7" in capfd.readouterr().err
    write_csv(lake / "clean.csv", GOOD)
    checks = f"{{label_consistency: {MILD}, distribution: {LOOSE}}}"
    go(policy(lake, "clean.csv", NOISE, checks=checks, dataset="clean"), lake / "home" / "lake")
    assert told(capfd, reference="clean") == "clean: nothing was ever refused.\n"
