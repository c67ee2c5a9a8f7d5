"""AUGMILL_DATA_ROOTS at the command line: every path of a policy obeys it, whatever command reads it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from augmill.flows.cli import main
from tests.end_to_end.helpers import GOOD, NOISE, policy, write_csv

GATE = "{drift_coverage: {production: ../private/rows.csv, max_feature_drift: 0.4}}"
PER_SPLIT = "{uri: {train: ../data/rows.csv, test: ../private/rows.csv}}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("data", "private"):
        write_csv(tmp_path / name / "rows.csv", GOOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AUGMILL_DATA_ROOTS", f"data{os.pathsep}s3://raw")
    (tmp_path / "policies").mkdir()
    return tmp_path / "policies"


@pytest.mark.parametrize("command", [["run"], ["plan"], ["probe"], ["lint", "--data"]])
@pytest.mark.parametrize(
    "asked",
    [{"source": "{uri: ../private/rows.csv}"}, {"source": PER_SPLIT}, {"source": "{uri: s3://theirs/rows.csv}"}],
)
def test_a_source_outside_is_refused_before_a_byte_is_read(folder, capsys, command, asked):
    file = policy(folder, "../data/rows.csv", NOISE, **asked)
    assert main([*command, str(file)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "lies outside of what policies may read here" in shown.err
    assert shown.err.count("remedy:") == 1
    lake = folder.parent / "home" / "lake"
    assert [*lake.rglob("*.parquet"), *lake.rglob("_delta_log")] == [], "more than that a run has failed"


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_production_sample_outside_is_refused_by_its_own_name(folder, capsys, command):
    file = policy(folder, "../data/rows.csv", NOISE, gates=GATE)
    assert main([command, str(file)]) == 2
    assert "gates.drift_coverage.production ../private/rows.csv lies outside" in capsys.readouterr().err


def test_a_source_inside_is_planned_and_without_the_setting_any_is(folder, monkeypatch, capsys):
    assert main(["plan", str(policy(folder, "../data/rows.csv", NOISE))]) == 0
    monkeypatch.delenv("AUGMILL_DATA_ROOTS")
    assert main(["plan", str(policy(folder, "../private/rows.csv", NOISE))]) == 0
