"""The embedded Prefect server: it serves, it writes, and it never outlives its run."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from augmill.flows.servers import prefect_server_process
from augmill.flows.servers.prefect_server import RunningServer, loopback_server
from augmill.flows.settings import settings
from augmill.policies.errors import StorageError

ROOT = Path(__file__).resolve().parents[3]
FLOW = """
import sys
from augmill.flows.settings import quiet_libraries, settings
from augmill.flows.servers.prefect_server import loopback_server

current = settings()
quiet_libraries(current)
with loopback_server(current) as server:
    from prefect import flow, task

    @task
    def add(number):
        return number + 1

    @flow
    def nine():
        number = 0
        for _ in range(9):
            number = add(number)
        if len(sys.argv) > 1:
            print("in flow", flush=True)
            import time
            time.sleep(600)
        return number

    with server.connected():
        print(nine())
"""


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/infra/checkout", "AUGMILL_HOME": str(tmp_path / "home")}


def run(environment, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", FLOW, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def task_runs(home: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as database:
        query = "SELECT state_type, count(*) FROM task_run GROUP BY state_type ORDER BY state_type"
        return database.execute(query).fetchall()


def family(process: subprocess.Popen) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_two_runs_at_once_on_a_fresh_home_both_work_and_record_every_task(environment, tmp_path):
    ended = [process.communicate(timeout=120) for process in [run(environment), run(environment)]]
    assert ended == [("9\n", "")] * 2
    assert task_runs(tmp_path / "home") == [("COMPLETED", 18)]


def test_a_run_killed_by_signal_9_leaves_no_server_and_nothing_that_stops_the_next(environment, tmp_path):
    killed = run(environment, "sleep")
    assert killed.stdout.readline() == "in flow\n"
    left = family(killed)
    assert len(left) == 1
    killed.kill()
    killed.communicate()
    assert not psutil.wait_procs(left, timeout=20)[1]
    assert run(environment).communicate(timeout=120) == ("9\n", "")


def test_ctrl_c_stops_the_server_as_well(environment):
    stopped = run(environment, "sleep")
    assert stopped.stdout.readline() == "in flow\n"
    left = family(stopped)
    os.killpg(stopped.pid, signal.SIGINT)
    stopped.communicate(timeout=30)
    assert not psutil.wait_procs(left, timeout=1)[1]


def test_a_run_killed_while_the_server_starts_leaves_nothing(environment, tmp_path):
    killed = run(environment)
    while not (left := family(killed)):
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert not psutil.wait_procs(left, timeout=20)[1]


@pytest.mark.slow
def test_a_server_lost_in_the_middle_of_a_run_is_one_storage_error(environment):
    flow = FLOW.replace("        return number\n", "        server.process.kill()\n        return number\n")
    lost = subprocess.run([sys.executable, "-c", flow], env=environment, capture_output=True, text=True, check=False)
    assert "augmill.policies.errors.StorageError: the Prefect server at http://127.0.0.1" in lost.stderr
    assert "stopped answering" in lost.stderr


def test_entering_returns_at_once_and_leaving_stops_it(environment, tmp_path):
    with loopback_server(settings()) as server:
        assert server.process.poll() is None
        assert os.environ["PREFECT_API_URL"] == server.api_url
    assert server.process.poll() is not None
    assert "PREFECT_API_URL" not in os.environ


def test_a_server_that_cannot_start_is_told_with_the_end_of_its_log(environment, tmp_path, monkeypatch):
    (tmp_path / "home" / "prefect" / "prefect.db").mkdir(parents=True)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home" / "prefect"))
    with loopback_server(settings()) as server, pytest.raises(StorageError, match="unable to open database file"):
        server.wait()


def test_a_home_that_cannot_be_made_is_told(environment, tmp_path):
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StorageError, match="cannot be made"):
        loopback_server(settings())


def test_the_users_server_is_used_and_left_running(environment, tmp_path, monkeypatch):
    with loopback_server(replace(settings(), home=tmp_path / "theirs")) as theirs:
        monkeypatch.setenv("PREFECT_API_URL", theirs.wait())
        with loopback_server(settings()) as server:
            assert isinstance(server, RunningServer)
            assert server.wait() == theirs.api_url
        assert theirs.process.poll() is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/api", "not a url"])
def test_a_users_server_that_does_not_answer_is_told(url):
    with pytest.raises(StorageError, match="does not answer") as caught:
        RunningServer(url).wait()
    assert "PREFECT_API_URL" in caught.value.remedy


def test_the_shipped_schema_is_what_prefects_migrations_end_in():
    dump = subprocess.run(
        [sys.executable, ROOT / "infra" / "dump_prefect_schema.py"], capture_output=True, text=True, check=True
    )
    assert parts(dump.stdout) == parts(prefect_server_process.SCHEMA.read_text())


def parts(schema: str) -> list[list[str]]:
    """Columns and constraints of each table, in an order of their own: alembic's is that of a set."""
    return [sorted(re.split(r", | \( | \);", statement)) for statement in schema.splitlines()]


def test_the_schema_is_laid_down_once_and_never_over_a_database_in_use(tmp_path):
    database = tmp_path / "prefect.db"
    assert prefect_server_process.create_schema(database)
    assert not prefect_server_process.create_schema(database)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
