"""`augmill up` with the real servers: it comes up, asks for passwords, mends itself, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from augmill.flows.config import stack_state as state
from augmill.flows.config.process_identity import Identity, end, processes_with_mark
from augmill.flows.http_client import send_request
from augmill.flows.settings import settings
from augmill.flows.stack.services import worker
from tests.end_to_end.helpers import GOOD, augmill, policy, write_csv
from tests.fixtures_prefect import PrefectServer

WAIT_SECONDS = 240.0
PARTS = {"prefect", "mlflow", "metrics", "worker"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Place:
    """A folder with a home whose stack is on ports that no other test uses."""

    home: Path
    prefect: int
    mlflow: int
    metrics: int
    secrets: dict[str, str] = field(default_factory=dict)

    def call(self, *args: str, code: int = 0, **variables: str) -> Any:
        done = augmill(self.home, *args, "--json", **(self.secrets | variables))
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def up(self) -> Any:
        return self.call("up", "--detach", *self.ports)

    @property
    def ports(self) -> list[str]:
        return [f"--{name}-port={getattr(self, name)}" for name in ("prefect", "mlflow", "metrics")]

    def parts(self, code: int = 0) -> dict[str, Any]:
        return {part["name"]: part for part in self.call("status", code=code)["parts"]}

    def restarted(self, name: str, former: int) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            done = augmill(self.home, "status", "--json")
            part = next(one for one in json.loads(done.stdout)["parts"] if one["name"] == name)
            if done.returncode == 0 and part["pid"] != former:
                return part
        raise AssertionError(f"{name} did not come back: {done.stdout}")

    def processes(self) -> list[Identity]:
        said = state.last_state(self.home)
        return [said.supervisor, *processes_with_mark(said.mark)] if said else []


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home", free_port(), free_port(), free_port())
    yield place
    end(place.processes(), 10.0)


def gone(processes: list[Identity]) -> bool:
    deadline = time.monotonic() + 60
    while any(one.alive for one in processes) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(one.alive for one in processes)


PREFECT_PASSWORD, MLFLOW_PASSWORD = "pre-planted-fect", "ml-planted-flow"
SECRETS = {
    "PREFECT_SERVER_API_AUTH_STRING": f"amy:{PREFECT_PASSWORD}",
    "PREFECT_API_AUTH_STRING": f"amy:{PREFECT_PASSWORD}",
    "MLFLOW_AUTH_ADMIN_PASSWORD": MLFLOW_PASSWORD,
    "MLFLOW_TRACKING_USERNAME": "admin",
    "MLFLOW_TRACKING_PASSWORD": MLFLOW_PASSWORD,
}


def test_up_serves_with_passwords_is_started_once_and_ends_with_a_killed_supervisor(
    place: Place,
) -> None:
    assert place.call("status", code=4)["running"] is False
    place.secrets.update(SECRETS)
    with ThreadPoolExecutor(2) as pool:  # the one that comes second waits until everything answers, too
        first, second = sorted(pool.map(lambda _: place.up(), range(2)), key=lambda said: said["already"])
    assert (first["already"], first["healthy"]) == (False, True)
    assert (second["already"], second["healthy"]) == (True, True)
    parts = place.parts()
    assert set(parts) == PARTS
    assert all(part["phase"] == "up" and part["pid"] for part in parts.values())
    assert parts["prefect"]["address"] == f"http://127.0.0.1:{place.prefect}/api"
    assert parts["prefect"]["version"] == version("prefect")
    page = urllib.request.Request(parts["prefect"]["page"] + "/v2/")
    with urllib.request.urlopen(page, timeout=60) as answer:
        assert b"<!DOCTYPE html>" in answer.read()

    asks = "/api/2.0/mlflow/experiments/search?max_results=1"
    assert send_request(parts["mlflow"]["address"] + asks, seconds=60).status == 401
    assert send_request(f"{parts['prefect']['address']}/flows/count", seconds=60, body=b"{}").status == 401

    processes = place.processes()
    assert len(processes) == 6  # MLflow serves from a process of its own
    os.kill(first["supervisor"]["pid"], signal.SIGKILL)
    assert gone(processes)
    assert place.call("status", code=4)["running"] is False
    assert place.call("down") == {"stopped": False, "left_over": 0}
    assert planted(place.home.parent) == []


def test_a_start_that_is_stopped_is_one_error_and_leaves_nothing(place: Place) -> None:
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(place.call, "up", "--detach", *place.ports, code=4)
        while state.running(place.home) is None:
            time.sleep(0.05)
        processes = place.processes()
        assert place.call("down")["stopped"] is True
        assert starting.result()["error"]["cause"] == "it was stopped before everything answered."
    assert gone(processes)


@pytest.mark.slow
def test_with_passwords_everything_works_and_without_each_refusal_is_one_sentence_and_one_remedy(place: Place) -> None:
    place.secrets.update(SECRETS)
    place.up()
    mlflow = place.parts()["mlflow"]["address"]
    folder = place.home.parent
    file = policy(folder, str(write_csv(folder / "data.csv", GOOD)))
    for wrong, words in ((None, "asks for credentials"), ("amy:planted", "refuses the credentials")):
        done = augmill(place.home, "run", file, **({"PREFECT_API_AUTH_STRING": wrong} if wrong else {}))
        assert (done.returncode, done.stdout) == (4, "")
        assert words in done.stderr
        assert done.stderr.count("remedy: Set PREFECT_API_AUTH_STRING") == 1
        assert "Traceback" not in done.stderr
    document = place.call("run", str(file), AUGMILL_TRACKING_URI=mlflow)
    assert document["mlflow"]["run_id"]
    found = send_request(
        f"http://127.0.0.1:{place.prefect}/api/flow_runs/count",
        seconds=60,
        auth=SECRETS["PREFECT_API_AUTH_STRING"],
        body=b"{}",
    )
    assert found.text == "1"
    answers = {
        answer["name"]: answer["status"] for answer in place.call("doctor", AUGMILL_TRACKING_URI=mlflow)["checks"]
    }
    wanted = {"Prefect", "Prefect version", "Prefect clock", "worker", "MLflow", "MLflow version", "MLflow clock"}
    assert {name for name in wanted if answers[name] != "ok"} == set()
    assert not (place.home / "prefect" / "server.log").exists()  # that of an embedded server
    assert place.call("down")["stopped"] is True
    assert planted(folder) == []


def planted(folder: Path) -> list[str]:
    """The files in which a password is."""
    words = [PREFECT_PASSWORD.encode(), MLFLOW_PASSWORD.encode()]
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 20
    return [str(file) for file in files if any(word in file.read_bytes() for word in words)]


@pytest.mark.slow
def test_each_part_that_is_killed_comes_back_and_down_stops_all(place: Place) -> None:
    first = place.up()
    for name in ("worker", "mlflow", "prefect"):
        former = place.parts()[name]
        os.kill(former["pid"], signal.SIGKILL)
        part = place.restarted(name, former["pid"])
        assert (part["restarts"], part["address"]) == (1, former["address"])
    log = (place.home / "logs" / "up.log").read_text()
    assert log.count("has died (signal 9); it is started again") == 3
    assert log.count("is up again") == 3
    processes = place.processes()
    assert place.call("down")["stopped"] is True
    assert not any(one.alive for one in processes)
    # The second start is at the same addresses without being told, and what was there before is still there.
    again = place.call("up", "--detach")
    assert [part["address"] for part in again["parts"]] == [part["address"] for part in first["parts"]]
    assert (place.home / "prefect" / "prefect.db").exists()
    assert place.call("down")["stopped"] is True


@pytest.mark.slow
def test_after_a_kill_of_everything_but_the_parts_the_next_up_stops_them_first(place: Place) -> None:
    place.up()
    left = place.processes()
    stopped = [one for one in left if one.pid != state.last_state(place.home).supervisor.pid]
    for one in stopped:  # so that they cannot notice
        os.kill(one.pid, signal.SIGSTOP)
    os.kill(state.last_state(place.home).supervisor.pid, signal.SIGKILL)
    assert place.up()["healthy"]
    assert not any(one.alive for one in left)
    assert "processes of a stack whose supervisor was killed were ended" in (place.home / "logs" / "up.log").read_text()
    assert place.call("down")["stopped"] is True


@pytest.mark.parametrize("started", [pytest.param(True, marks=pytest.mark.slow), False])
def test_ctrl_c_in_the_foreground_stops_all_in_order_also_while_it_starts(place: Place, started: bool) -> None:
    from tests.end_to_end.helpers import command, environment

    process = subprocess.Popen(
        command("up", *place.ports),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=place.home.parent,
        env=environment(place.home),
    )
    while not started and state.running(place.home) is None:
        assert process.poll() is None
    assert not started or process.stdout.readline() == "Up.\n"
    processes = place.processes()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0
    assert said.splitlines()[-1] == "stopped"
    assert not any(one.alive for one in processes)


def test_a_port_that_another_program_has_is_an_error_where_it_was_asked_for(place: Place) -> None:
    with socket.create_server(("127.0.0.1", place.prefect)):
        done = augmill(place.home, "up", "--detach", "--prefect-port", str(place.prefect))
    assert done.returncode == 4
    assert f"cannot serve on 127.0.0.1, port {place.prefect}: Address already in use" in done.stderr
    assert "--prefect-port" in done.stderr
    assert place.processes() == []


def test_a_server_elsewhere_that_does_not_answer_is_named_before_anything_is_started(place: Place) -> None:
    done = augmill(place.home, "up", PREFECT_API_URL="http://me:hunter2@127.0.0.1:1/api")
    assert done.returncode == 4
    assert "the Prefect server at http://127.0.0.1:1/api does not answer" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout
    assert place.processes() == []


def test_runs_whose_process_is_gone_are_given_up_when_the_worker_starts_and_no_others(
    tmp_path: Path, prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or they would hold the place of the next run of their dataset for ever."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.settings import PREFECT_API_URL, temporary_settings
    from prefect.states import Pending, Running

    monkeypatch.setenv("PREFECT_API_URL", prefect_server.api_url)
    with temporary_settings({PREFECT_API_URL: prefect_server.api_url}), get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="trial", type="process"))
        flow_id = client.create_flow_from_name("augment")
        client.create_deployment(flow_id=flow_id, name="trial", work_pool_name="trial", entrypoint="x:y")
        deployment = client.read_deployment_by_name("augment/trial").id
        lost, alive = (
            client.create_flow_run_from_deployment(deployment, state=state) for state in (Pending(), Running())
        )
        with subprocess.Popen(
            ["sleep", "600"], env={worker.RUN_ID: str(alive.id), "PATH": os.environ["PATH"]}
        ) as process:
            worker.mark_lost_runs_crashed(settings(), "trial")
            process.kill()
        states = [client.read_flow_run(run.id).state_type for run in (lost, alive)]
    assert [state.value for state in states] == ["CRASHED", "RUNNING"]
