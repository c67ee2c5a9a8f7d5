"""The game day knows what it breaks, does what runbooks say, and sees what is lost; slowly, it is played."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
import yaml
from deltalake import write_deltalake

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "infra"))

import game_day  # noqa: E402 - a program of infra/, which is no package
import game_parts  # noqa: E402
import game_world  # noqa: E402


@pytest.fixture
def world(tmp_path: Path) -> game_world.World:
    return game_world.make_world(tmp_path, game_parts.Store(tmp_path / "store"))


def test_every_break_has_an_alert_of_its_name_with_a_runbook_that_has_commands(world):
    rules = yaml.safe_load((ROOT / "infra" / "prometheus" / "alerting.rules.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    broken = game_day.breaks()
    assert [one.name for one in broken] == ["worker", "prefect", "mlflow", "store", "disk", "input"]
    assert {one.alert for one in broken} <= alerts
    for one in broken:
        steps = game_world.runbook_commands(one.alert, world)
        assert any(step.startswith("augmill ") for step in steps), one.name
        assert not any("DATASET" in step for step in steps)


def test_a_runbook_without_commands_is_no_runbook(world, monkeypatch, tmp_path):
    (tmp_path / "infra" / "runbooks").mkdir(parents=True)
    (tmp_path / "infra" / "runbooks" / "X.md").write_text("# X\n\n## Mend\n\nPray.\n\n## Escalate\n\n```sh\ncry\n```\n")
    monkeypatch.setattr(game_world, "ROOT", tmp_path)
    with pytest.raises(game_parts.Unusable, match="no command below Mend"):
        game_world.runbook_commands("X", world)


def test_the_reader_notices_rows_that_changed_and_versions_that_are_gone(tmp_path):
    table = tmp_path / "table"
    write_deltalake(table, pa.table({"a": [1, 2]}))
    write_deltalake(table, pa.table({"a": [3]}), mode="append")
    reader = game_world.Reader(str(table), {})
    assert [reader.look(0), reader.look()] == [0, 1]
    well = SimpleNamespace(augmill=lambda *_, ok: {"exit_code": 0})
    assert game_world.version_problems(well, reader) == []
    (first,) = [file for file in table.glob("*.parquet") if file.stat().st_size and "part-00000" in file.name][:1]
    other = tmp_path / "other"
    write_deltalake(other, pa.table({"a": [1, 9]}))
    next(other.glob("*.parquet")).replace(first)
    assert any("other rows" in said for said in game_world.version_problems(well, reader))
    first.unlink()
    assert any("cannot be read" in said for said in game_world.version_problems(well, reader))


def test_a_version_that_cannot_be_rebuilt_is_told(tmp_path):
    ill = SimpleNamespace(augmill=lambda *_, ok: {"exit_code": 3, "stderr": "a row came out different"})
    reader = game_world.Reader(str(tmp_path), {})
    assert game_world.version_problems(ill, reader) == ["rebuild found: a row came out different"]


def test_the_table_says_no_where_anything_was_wrong():
    well = game_day.Outcome(
        "worker", "kill -9", "WorkerGone", 12.4, "3 whole", mended_by=["x"], ended_after_seconds=9.6
    )
    ill = game_day.Outcome("store", "kill -9", "StoreNotAnswering", wrong=["nobody was told"])
    lines = game_day.table([well, ill]).splitlines()
    assert lines[1].split() == [
        *("worker", "kill", "-9", "WorkerGone", "12", "s", "3", "whole"),
        *("WorkerGone.md:", "1", "commands", "10", "s", "ok"),
    ]
    assert (lines[2].split()[-1], lines[3]) == ("NO", "store: nobody was told")


@pytest.mark.slow
def test_a_worker_and_a_source_that_break_are_told_of_and_mended():
    command = [sys.executable, ROOT / "infra" / "game_day.py", "--only", "worker", "--only", "input", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    if done.returncode == 4:
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)["breaks"]
    assert [(one["name"], one["alert"], one["ok"]) for one in told] == [
        ("worker", "WorkerGone", True),
        ("input", "RunFailed", True),
    ]
