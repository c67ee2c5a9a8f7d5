"""Runs that a real worker starts for a real Prefect server: what they publish, say, wait for and leave behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest

from augmill.flows.deployments.deploy import deploy
from augmill.flows.settings import settings
from tests.end_to_end.helpers import GOOD, NOISE, exactly, go, policy, table_of, write_csv
from tests.fixtures_prefect import PrefectServer

PATIENCE = 600.0
WAITS = '''"""Waits until a file is there, so that a test can look at a run in its middle."""

import time
from pathlib import Path

from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters


class Params(Parameters):
    flag: str


ACCEPTS = Accepts(missing="kept")
BEHAVIOUR = Behaviour(copies=True)


def draw(params, spec, state, seeds, bases):
    return {}


def apply(params, spec, parents, draws):
    Path(params.flag + ".reached").touch()
    while not Path(params.flag).exists():
        time.sleep(0.05)
    return parents[0]
'''
WAITING = """
  - name: waited
    transforms: [{{use: tabular.waits, params: {{flag: {flag}}}, invariance: an exact copy}}]
    amount: {{copies: 1}}
"""


@dataclass
class Stage:
    """A project folder, the server, and a worker that runs what is deployed from it."""

    folder: Path
    server: PrefectServer
    worker: int
    client: Any

    def policy(self, name: str, steps: str = NOISE, **more: str) -> Path:
        (self.folder / "policies").mkdir(exist_ok=True)
        write_csv(self.folder / "policies" / "data.csv", GOOD)
        made = policy(self.folder / "policies", "data.csv", steps, dataset=name, **more)
        return made.rename(self.folder / "policies" / f"{name}.yaml")

    def deploy(self, *files: Path) -> None:
        deploy(files, settings(), project_folder=self.folder)

    def start(self, name: str) -> str:
        deployment = self.client.read_deployment_by_name(f"augment/{name}")
        return str(self.client.create_flow_run_from_deployment(deployment.id).id)

    def end(self, run: str) -> dict[str, Any]:
        """The state it ends in, as Prefect names it, and what is said of it."""
        state = until(lambda: self._final(run), f"the end of {run}")
        return {"state": state.name, "ok": state.is_completed(), "message": state.message or ""}

    def _final(self, run: str) -> Any:
        state = self.client.read_flow_run(UUID(run)).state
        return state if state is not None and state.is_final() else None

    def run(self, name: str) -> dict[str, Any]:
        return self.end(self.start(name))

    def state(self, run: str) -> str:
        return self.client.read_flow_run(UUID(run)).state.name

    @property
    def lake(self) -> Path:
        return self.folder / "home" / "lake"

    def processes(self, word: str) -> list[psutil.Process]:
        """Processes below the worker whose command line holds a word."""
        below = psutil.Process(self.worker).children(recursive=True)
        return [one for one in below if word in " ".join(_command(one))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def until(true: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.2)
    raise AssertionError(f"waited in vain for {what}")


@pytest.fixture(scope="module")
def running(prefect_server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    from prefect import settings as prefect_settings
    from prefect.client.orchestration import get_client

    folder = tmp_path_factory.mktemp("project")
    plugin = folder / "plugins" / "transforms" / "tabular" / "waits.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(WAITS)
    theirs = {"AUGMILL_HOME": str(folder / "home"), "AUGMILL_PLUGINS": str(folder / "plugins"), "AUGMILL_WORKERS": "2"}
    with (
        prefect_settings.temporary_settings({prefect_settings.PREFECT_API_URL: prefect_server.api_url}),
        get_client(sync_client=True) as client,
        prefect_server.worker(folder, **theirs) as worker,
    ):
        yield Stage(folder, prefect_server, worker, client)


@pytest.fixture
def stage(running: Stage, prefect_api_url: str, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("AUGMILL_PLUGINS", str(running.folder / "plugins"))
    return running


def pinned(stage: Stage, run: str) -> dict[str, str]:
    asked = {"artifacts": {"flow_run_id": {"any_": [run]}}}
    return {
        one["key"]: str(one["data"]) for one in stage.client.request("POST", "/artifacts/filter", json=asked).json()
    }


def logged(stage: Stage, run: str) -> list[str]:
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

    only = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(run)]))
    return [one.message for one in stage.client.read_logs(only, limit=200)]


def test_a_deployed_run_makes_the_same_rows_and_says_how_it_ended(stage: Stage, tmp_path: Path) -> None:
    file = stage.policy("deployed", seed="3")
    stage.deploy(file)
    run = stage.start("deployed")
    ended = stage.end(run)
    assert (ended["state"], ended["ok"]) == ("Completed", True), ended
    assert ended["message"].startswith("deployed@0 published: 100 real, 70 augmented")
    go(file, tmp_path / "lake")
    assert exactly(stage.lake, dataset="deployed") == exactly(tmp_path / "lake", dataset="deployed")
    pins = pinned(stage, run)
    assert {"deployed-outcome", "deployed-classes", "deployed-checks", "deployed-links"} <= set(pins)
    assert float(pins["deployed-progress"]) == 100
    assert any(line.startswith("augment: ") for line in until(lambda: logged(stage, run), "its log"))


@pytest.mark.slow
def test_a_deployed_run_that_has_nothing_to_do_or_a_broken_policy_says_so(stage: Stage) -> None:
    file = stage.policy("again")
    stage.deploy(file)
    assert stage.run("again")["ok"]
    assert stage.run("again")["message"] == "again@0 is up to date: nothing has changed."

    file.write_text(file.read_text() + "seeds: 4\n")
    broken = stage.start("again")
    ended = stage.end(broken)
    assert (ended["state"], ended["ok"]) == ("Failed", False)
    assert "unknown key 'seeds'" in ended["message"]
    assert "Did you mean seed" in ended["message"]
    assert "Traceback" not in "".join(logged(stage, broken))
    assert table_of(stage.lake, "again").versions() == [0]


def test_a_second_run_waits_or_is_skipped_as_the_policy_says(stage: Stage) -> None:
    """Asked of the server as a worker asks it, for runs that no worker takes."""
    from prefect.states import Completed, Pending, Scheduled

    def proposed() -> tuple[str, Any]:
        later = Scheduled(scheduled_time=_far_away())
        run = stage.client.create_flow_run_from_deployment(deployment, state=later)
        answer = stage.client.set_flow_run_state(run.id, Pending())
        return str(run.id), answer.state

    def granted() -> str | None:
        run, state = proposed()
        return run if state.name == "Pending" else None

    for overlap, answer in (("wait", "AwaitingConcurrencySlot"), ("skip", "Cancelled")):
        stage.deploy(stage.policy("twice", schedule=f"{{overlap: {overlap}}}"))
        deployment = stage.client.read_deployment_by_name("augment/twice").id
        first = until(granted, "a slot")
        assert proposed()[1].name == answer
        stage.client.set_flow_run_state(UUID(first), Completed())
        next_one = until(granted, "the slot that the first has left, which the server frees in its own time")
        stage.client.set_flow_run_state(UUID(next_one), Completed())


def _far_away() -> Any:
    from datetime import UTC, datetime, timedelta

    return datetime.now(UTC) + timedelta(days=30)


@pytest.mark.slow
def test_a_cancelled_run_leaves_nothing_half_done_and_the_one_that_waited_goes_on(stage: Stage) -> None:
    flag = stage.folder / "cancelled"
    stage.deploy(stage.policy("cancelled", WAITING.format(flag=flag), schedule="{runner: process}"))
    first = stage.start("cancelled")
    until(Path(f"{flag}.reached").exists, "the first run to be at work")
    second = stage.start("cancelled")
    until(lambda: stage.state(second) == "AwaitingConcurrencySlot", "the second run to wait")
    workers = stage.processes("tasks/runners/process_worker.py")
    assert workers

    from prefect.states import Cancelling

    stage.client.set_flow_run_state(UUID(first), Cancelling())
    assert stage.end(first)["state"] == "Cancelled"
    psutil.wait_procs(workers, timeout=PATIENCE)
    assert not any(one.is_running() for one in workers)
    assert table_of(stage.lake, "cancelled").versions() == []
    flag.touch()
    assert stage.end(second)["message"].startswith("cancelled@0 published")


@pytest.mark.slow
def test_a_run_whose_process_is_killed_is_crashed_and_the_next_goes_on_from_what_it_left(stage: Stage) -> None:
    flag = stage.folder / "killed"
    stage.deploy(stage.policy("killed", NOISE.rstrip() + WAITING.format(flag=flag), schedule="{runner: process}"))
    first = stage.start("killed")
    until(Path(f"{flag}.reached").exists, "the run to be at work")
    work = stage.lake / ".augmill" / "killed" / "work"
    before = {file: file.stat().st_mtime_ns for file in work.rglob("*.parquet")}
    assert before
    for engine in stage.processes("prefect.engine"):
        os.kill(engine.pid, signal.SIGKILL)
    assert stage.end(first)["state"] == "Crashed"
    flag.touch()
    assert stage.run("killed")["message"].startswith("killed@0 published")
    assert before.items() <= {file: file.stat().st_mtime_ns for file in work.rglob("*.parquet")}.items()


@pytest.mark.slow
def test_a_schedule_starts_a_run_by_itself(stage: Stage) -> None:
    stage.deploy(stage.policy("scheduled", schedule="{cron: '* * * * *'}"))
    deployment = stage.client.read_deployment_by_name("augment/scheduled")

    def ended() -> list[Any]:
        runs = stage.client.read_flow_runs(limit=100)
        return [one for one in runs if one.deployment_id == deployment.id and one.state.is_final()]

    run = until(ended, "the schedule to come")[0]
    stage.client.delete_deployment(deployment.id)
    assert run.state.message.startswith("scheduled@0 published")
    assert run.auto_scheduled


@pytest.mark.slow
def test_a_policy_that_is_deleted_while_its_run_is_at_work_does_not_trouble_it(stage: Stage) -> None:
    flag = stage.folder / "deleted"
    file = stage.policy("deleted", WAITING.format(flag=flag))
    stage.deploy(file)
    run = stage.start("deleted")
    until(Path(f"{flag}.reached").exists, "the run to be at work")
    file.unlink()
    flag.touch()
    assert stage.end(run)["message"].startswith("deleted@0 published")
    after = stage.run("deleted")
    assert (after["state"], "there is no such file" in after["message"]) == ("Failed", True), after
