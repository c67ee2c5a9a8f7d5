"""Real Prefect servers for tests, one of each kind per session, and real workers: processes on loopback.

`api` (fixture) is the light server of a run, kept for all runs of this process; `on_api` sets PREFECT_API_URL to it.
`prefect_server` (fixture) is a `PrefectServer`; `prefect_api_url` sets PREFECT_API_URL to it for one test.
`with server.worker(folder, pool="augmill", AUGMILL_HOME=...) as worker:` runs `prefect worker start` in a folder.
Both end with their block or with the tests, kill -9 included, and take their children along.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from augmill.flows.servers.prefect_server import RunningServer, loopback_server
from augmill.flows.servers.prefect_server_process import create_schema
from augmill.flows.settings import settings
from tests.fixtures_s3 import free_port

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180

# Ends the whole group of the program when its standard input closes, which happens however the tests end.
GUARD = """
import os, select, signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, process_group=0)
print(program.pid, flush=True)
while program.poll() is None and not select.select([sys.stdin], [], [], 0.2)[0]:
    pass
for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):  # a worker may sleep through its first SIGTERM
    try:
        os.killpg(program.pid, number)
        program.wait(3)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass
"""

# Quick where Prefect would wait for the sake of a busy production server.
SERVER = {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
    "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
}
WORKER = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_WORKER_HEARTBEAT_SECONDS": "2"}


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without any setting of ours or of this session, telemetry off, and what is given."""
    ours = ("AUGMILL_", "PREFECT_", "MLFLOW_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    quiet = {"DO_NOT_TRACK": "true", "PYTHONPATH": f"{ROOT}:{ROOT}/infra/checkout", "PREFECT_CLI_PROMPT": "false"}
    return kept | quiet | more


@contextlib.contextmanager
def group(command: list[str], log: Path, environment: dict[str, str], cwd: Path) -> Iterator[int]:
    """Run a program as the head of a process group until the end of the block; yields its process id."""
    with log.open("ab") as output:
        guard = subprocess.Popen(
            [sys.executable, "-c", GUARD, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            env=environment,
            cwd=cwd,
        )
        try:
            yield int(guard.stdout.readline())
        finally:
            guard.stdin.close()
            guard.wait(30)
            guard.stdout.close()


@dataclass(frozen=True)
class PrefectServer:
    """A server that answers at `api_url` and keeps its database and log in `home`."""

    api_url: str
    home: Path

    @contextlib.contextmanager
    def worker(self, folder: Path, pool: str = "augmill", name: str = "tests", **more: str) -> Iterator[int]:
        """A worker that polls a work pool every second; yields its process id. Its log is `folder`/worker.log."""
        environment = clean_environment(PREFECT_API_URL=self.api_url, PREFECT_HOME=str(folder / "prefect"), **WORKER)
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
        with group([*command, "--name", name], folder / "worker.log", environment | more, folder) as pid:
            yield pid


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """The server of the session; it starts empty and keeps what earlier tests have deployed."""
    home = tmp_path_factory.mktemp("prefect-server")
    with started_prefect(home) as server:
        yield server


@pytest.fixture(scope="session")
def light_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server that a run without one starts for itself, without the services of a whole one."""
    before = dict(os.environ)
    with loopback_server(replace(settings(), home=tmp_path_factory.mktemp("light-server"))) as server:
        # Tests that use it say so; the others are to find no address of it, and no home.
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
        yield server.wait()


@pytest.fixture(scope="module")
def api(light_server: str) -> Iterator[str]:
    """The light server, and Prefect pointed at it."""
    with RunningServer(light_server).connected(PREFECT_FLOWS_HEARTBEAT_FREQUENCY=None) as url:
        yield url


@pytest.fixture
def on_api(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of this test use the light server, and start none."""
    monkeypatch.setenv("PREFECT_API_URL", api)


@contextlib.contextmanager
def started_prefect(home: Path, port: int | None = None, **more: str) -> Iterator[PrefectServer]:
    """A server of one's own, to be broken: on `port`, with its database in `home`."""
    number = port or free_port()
    create_schema(home / "prefect.db")  # or its migrations take ten seconds
    environment = clean_environment(PREFECT_HOME=str(home), **SERVER, **more)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(number)]
    with group(command, home / "server.log", environment, home) as pid:
        url = f"http://127.0.0.1:{number}/api"
        _wait_for(f"{url}/health", pid, home / "server.log")
        yield PrefectServer(url, home)


@pytest.fixture
def prefect_api_url(prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """PREFECT_API_URL is the server's, for one test and its children."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server.api_url)
    return prefect_server.api_url


def _wait_for(address: str, pid: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(address, timeout=5).close()
            return
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.2)
    pytest.fail(f"the Prefect server did not start:\n{log.read_text(errors='replace')[-2000:]}")
