"""`augmill up` with the real servers: it comes up, is found, mends itself, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.stack import state
from flows.stack.processes import Identity, end, marked
from tests.end_to_end.helpers import GOOD, augmill, policy, write_csv

WAIT_SECONDS = 240.0
PARTS = {"prefect", "mlflow", "worker"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Place:
    """A folder with a home whose stack is on ports that no other test uses."""

    home: Path
    prefect: int
    mlflow: int

    def call(self, *args: str, code: int = 0) -> Any:
        done = augmill(self.home, *args, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def up(self) -> Any:
        ports = ("--prefect-port", str(self.prefect), "--mlflow-port", str(self.mlflow))
        return self.call("up", "--detach", *ports)

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
        said = state.left(self.home)
        return [said.supervisor, *marked(said.mark)] if said else []


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home", free_port(), free_port())
    yield place
    end(place.processes(), 10.0)


def gone(processes: list[Identity]) -> bool:
    deadline = time.monotonic() + 60
    while any(one.alive for one in processes) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(one.alive for one in processes)


def read(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read()


def test_up_serves_is_found_by_a_run_is_started_once_and_ends_with_a_killed_supervisor(place: Place) -> None:
    assert place.call("status", code=4)["running"] is False
    first = place.up()
    assert (first["already"], first["healthy"]) == (False, True)
    parts = place.parts()
    assert set(parts) == PARTS
    assert all(part["phase"] == "up" and part["pid"] and part["version"] for part in parts.values())
    assert parts["prefect"]["address"] == f"http://127.0.0.1:{place.prefect}/api"
    assert b"<title>MLflow</title>" in read(parts["mlflow"]["address"])
    assert b"<!DOCTYPE html>" in read(parts["prefect"]["page"] + "/v2/")

    again = place.call("up", "--detach")
    assert again["already"] is True
    assert again["supervisor"]["pid"] == first["supervisor"]["pid"]

    folder = place.home.parent
    write_csv(folder / "data.csv", GOOD)
    run = augmill(place.home, "run", policy(folder, "data.csv"), "--json")
    assert run.returncode == 0, run.stderr
    filtered = urllib.request.Request(
        f"http://127.0.0.1:{place.prefect}/api/flow_runs/count", b"{}", {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(filtered, timeout=60) as answer:
        assert json.load(answer) == 1
    assert not (place.home / "prefect" / "server.log").exists()  # that of an embedded server

    processes = place.processes()
    assert len(processes) == 5  # MLflow serves from a process of its own
    os.kill(first["supervisor"]["pid"], signal.SIGKILL)
    assert gone(processes)
    assert place.call("status", code=4)["running"] is False
    assert place.call("down") == {"stopped": False, "left_over": 0}


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
    stopped = [one for one in left if one.pid != state.left(place.home).supervisor.pid]
    for one in stopped:  # so that they cannot notice
        os.kill(one.pid, signal.SIGSTOP)
    os.kill(state.left(place.home).supervisor.pid, signal.SIGKILL)
    assert place.up()["healthy"]
    assert not any(one.alive for one in left)
    assert "processes of a stack whose supervisor was killed were ended" in (place.home / "logs" / "up.log").read_text()
    assert place.call("down")["stopped"] is True


@pytest.mark.slow
def test_ctrl_c_in_the_foreground_stops_all_in_order(place: Place) -> None:
    from tests.end_to_end.helpers import command, environment

    arguments = ("up", "--prefect-port", str(place.prefect), "--mlflow-port", str(place.mlflow))
    process = subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=place.home.parent,
        env=environment(place.home),
    )
    assert process.stdout.readline() == "Up.\n"
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
