"""Runs are told of, whatever becomes of them, and nobody who listens can make them fail."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from augmill.flows import event_sinks, run_events
from augmill.flows.cli import main
from augmill.flows.settings import settings
from augmill.policies.errors import DataError, StorageError
from augmill.tasks.telemetry.dataset_event import DatasetEvent, failure, stopped

POLICY = """\
dataset: some-wine
modality: tabular
source: {uri: "builtin:wine"}
label: target
"""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[DatasetEvent]:
    """A teller in the folder of tellers that keeps what it hears, after one that always fails."""
    heard: list[DatasetEvent] = []
    keeper, broken = (
        ModuleType("augmill.flows.event_sinks.zz_keeper"),
        ModuleType("augmill.flows.event_sinks.aa_broken"),
    )
    keeper.handle = lambda happening, current: heard.append(happening)
    broken.handle = lambda happening, current: 1 / 0
    for module in (keeper, broken):
        (tmp_path / f"{module.__name__.rpartition('.')[2]}.py").touch()
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(event_sinks, "__path__", [*event_sinks.__path__, str(tmp_path)])
    return heard


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "p.yaml"
    file.write_text(POLICY)
    return file


def log() -> str:
    return (settings().home / "augmill.log").read_text()


@pytest.mark.usefixtures("on_api")
def test_a_run_is_told_of_at_its_start_and_at_its_end_and_the_next_that_finds_nothing_new_too(told, policy):
    assert [main(["run", str(policy)]) for _ in range(2)] == [0, 0]
    assert [one.kind for one in told] == ["run.started", "run.published", "run.unchanged"]
    assert {one.dataset for one in told} == {"some-wine"}
    assert told[0].run_id == told[1].run_id != "none" == told[2].run_id
    assert told[1].facts["version"] == told[2].facts["version"] == 0
    assert [one.facts["rows"]["real"] for one in told[1:]] == [178, 178]


@pytest.mark.usefixtures("on_api")
def test_a_teller_that_fails_is_named_in_the_log_and_the_run_goes_on(told, policy):
    assert main(["run", str(policy)]) == 0
    assert "augmill.flows.event_sinks.aa_broken was not told of run.published" in log()
    assert "ZeroDivisionError" in log()


def test_a_run_that_cannot_begin_is_told_of_by_the_name_its_policy_has(told, policy):
    policy.write_text(POLICY + "sourse: x\n")
    assert main(["run", str(policy)]) == 2
    assert [(one.kind, one.dataset, one.facts["exit_code"]) for one in told][-1] == ("run.failed", "some-wine", 2)
    policy.write_text("dataset: [")
    assert main(["run", str(policy)]) == 2
    assert (told[-1].kind, told[-1].dataset, told[-1].facts["kind"]) == ("run.failed", "p", "PolicyError")


def test_what_interrupts_a_run_is_told_of_and_passes_on(told, policy):
    with pytest.raises(KeyboardInterrupt), run_events.run_events(policy, "r-1"):
        raise KeyboardInterrupt
    assert [(one.kind, one.run_id) for one in told] == [("run.started", "r-1"), ("run.failed", "r-1")]
    assert told[-1].facts["exit_code"] == 130


@pytest.mark.usefixtures("on_api")
def test_the_log_has_a_line_for_everything_that_happened(policy):
    assert main(["run", str(policy)]) == 0
    lines = [json.loads(line) for line in log().splitlines()]
    assert [line["message"] for line in lines] == ["run.started", "run.published"]
    assert {line["dataset"] for line in lines} == {"some-wine"}
    assert len({line["run_id"] for line in lines}) == 1
    assert lines[1]["facts"]["version"] == 0


def test_a_failure_says_what_and_what_to_do_but_no_secret():
    told = failure(DataError("3 rows leak", "Mend the split.", {"checks": []}))
    assert told == {
        "kind": "DataError",
        "cause": "3 rows leak",
        "remedy": "Mend the split.",
        "exit_code": 3,
        "report": {"checks": []},
    }
    assert "hunter2" not in str(failure(StorageError("s3://me:hunter2@host/x is away", "Wait.")))
    assert "hunter2" not in str(failure(ValueError("postgresql://me:hunter2@host/x")))


def test_a_home_that_cannot_be_made_costs_the_log_and_nothing_else(told, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "file" / "home"))
    run_events.publish(
        DatasetEvent("channel.promoted", "wine", "none", 0.0, {"channel": "stable", "version": 1, "by": "me"})
    )
    assert [one.kind for one in told] == ["channel.promoted"]


def test_a_run_that_prefect_ends_is_told_of_as_stopped_and_not_as_a_service_that_failed(told, policy):
    from signal import SIGTERM

    from prefect.exceptions import TerminationSignal

    with pytest.raises(TerminationSignal), run_events.report_failures(policy, "run"):
        raise TerminationSignal(signal=SIGTERM)
    (one,) = told
    assert stopped(one)
    assert "was cancelled" in one.facts["cause"]
