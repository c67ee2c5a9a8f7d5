"""What a home says of its stack is believed only while its supervisor lives, and only one supervisor may be."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from augmill.flows.config import stack_state
from augmill.flows.config.process_identity import identity
from augmill.flows.config.stack_state import ServiceState, StackState
from augmill.flows.settings import settings

ROOT = Path(__file__).parents[3]
ADDRESS = "http://127.0.0.1:4210/api"


def said(phase="up"):
    us = identity(os.getpid())
    part = ServiceState("prefect", phase, ADDRESS, us, 1.5)
    return StackState(us, "mark", "127.0.0.1", 1.0, {"prefect": part, "worker": ServiceState("worker", "starting")})


def test_what_was_written_is_read_again(tmp_path):
    stack_state.write(tmp_path, said())
    assert stack_state.running(tmp_path) == said()
    assert (tmp_path / "up").stat().st_mode & 0o077 == 0


def test_a_file_whose_supervisor_is_dead_is_not_believed(tmp_path):
    dead = replace(said(), supervisor=replace(said().supervisor, started=1))
    stack_state.write(tmp_path, dead)
    assert stack_state.running(tmp_path) is None
    assert stack_state.address(tmp_path, "prefect") is None
    assert stack_state.last_state(tmp_path) == dead


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"parts": {}}', '{"parts": {"x": 3}, "supervisor": {}}'])
def test_a_file_of_which_half_is_there_counts_as_none(tmp_path, text):
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "state.json").write_text(text)
    (tmp_path / "up" / "ports.json").write_text(text)
    assert stack_state.last_state(tmp_path) is None
    assert stack_state.remembered_ports(tmp_path) == {}


def test_the_settings_find_the_running_server_unless_the_environment_names_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path))
    assert settings().prefect_api_url is None
    stack_state.write(tmp_path, said())
    assert settings().prefect_api_url == ADDRESS
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert settings().prefect_api_url == "http://127.0.0.1:1/api"


def test_a_server_that_was_given_up_is_nowhere(tmp_path):
    stack_state.write(tmp_path, said("failed"))
    assert stack_state.address(tmp_path, "prefect") is None


def test_only_one_process_holds_the_lock_and_the_kernel_frees_it(tmp_path):
    hold = "import sys, pathlib; from augmill.flows.config.stack_state import locked\n"
    hold += "with locked(pathlib.Path(sys.argv[1])) as free: print(free, flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert other.stdout.readline() == b"True\n"
    with stack_state.locked(tmp_path) as free:
        assert not free
    other.kill()
    other.communicate()
    with stack_state.locked(tmp_path) as free:
        assert free
