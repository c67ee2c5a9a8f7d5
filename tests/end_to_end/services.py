"""The services of infra/compose.yaml as plain processes: its commands, its variables, its secrets, on free ports."""

from __future__ import annotations

import contextlib
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fixtures_s3 import free_port, guarded, started

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())["services"]
DEFAULT_COMMAND = re.findall(r"^CMD \[(.+)\]$", (ROOT / "infra" / "Dockerfile").read_text(), re.MULTILINE)[-1]
PORTS = {"postgres": 5432, "s3": 9000, "prefect": 4200, "mlflow": 5000, "worker": 8080}
START_SECONDS = 300.0
NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


@dataclass
class Services:
    """Where each service listens, what compose.yaml tells it, and the folders that stand for its volumes."""

    folder: Path
    ports: dict[str, int]
    secrets: dict[str, dict[str, str]]
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def checkout(self) -> Path:
        """What is /srv/augmill in a container: policies, suites and data."""
        return self.folder / "checkout"

    def here(self, text: str) -> str:
        """A value of compose.yaml with this machine's addresses and folders in it."""
        for name, port in PORTS.items():
            text = re.sub(rf"(?<=[@/]){name}:{port}\b", f"127.0.0.1:{self.ports[name]}", text)
            text = re.sub(rf":{port}\b", f":{self.ports[name]}", text)
            text = str(self.ports[name]) if text == str(port) else text
        text = text.replace("/srv/augmill", str(self.checkout)).replace("/var/lib/augmill", str(self.folder / "home"))
        return text.replace("0.0.0.0", "127.0.0.1")

    def variables(self, name: str) -> dict[str, str]:
        """What the service is told, and of this process only what any program needs."""
        given = dict(COMPOSE[name].get("environment", {}))
        for file in COMPOSE[name].get("env_file", []):
            given |= self.secrets[Path(file).name]
        told = {key: self.here(value) for key, value in given.items()}
        worker = {"PREFECT_WORKER_WEBSERVER_PORT": str(self.ports["worker"])}
        return self.environment | worker | told

    def command(self, name: str) -> list[str]:
        """What the service starts: this interpreter's own programs."""
        words = COMPOSE[name].get("command") or shlex.split(DEFAULT_COMMAND.replace(",", " "))
        program, *rest = map(self.here, words)
        if program == "augmill":
            return [sys.executable, "-m", "augmill.flows.cli", *rest]
        return [sys.executable if program == "python" else str(Path(sys.executable).with_name(program)), *rest]

    def once(self, name: str) -> None:
        """Run a service that ends by itself; again after a failure, where compose.yaml would."""
        tries = 5 if COMPOSE[name].get("restart") == "on-failure" else 1
        for left in reversed(range(tries)):
            done = subprocess.run(
                self.command(name),
                env=self.variables(name),
                cwd=self.checkout,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0:
                return
            assert left, f"{name}: {done.stdout}{done.stderr}"

    @contextlib.contextmanager
    def running(self, name: str, health: str) -> Iterator[subprocess.Popen]:
        """A service that stays, from when it answers to the end of the block."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as opened:
            place = contextlib.chdir(self.checkout)
            with place, guarded(self.command(name), opened, self.variables(name)) as process:
                wait_for(self.here(health), process, log)
                yield process

    def augmill(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """One `augmill` command as CI or a person on the worker's machine gives it."""
        return subprocess.run(
            [sys.executable, "-m", "augmill.flows.cli", *arguments],
            env=self.variables("worker") | more,
            cwd=self.checkout,
            capture_output=True,
            text=True,
            check=False,
        )


@contextlib.contextmanager
def all_services(checkout: Path) -> Iterator[Services]:
    """Postgres, an S3 store, Prefect, MLflow, the policies deployed and a worker; `checkout` is copied."""
    with postgres_folder() as folder, contextlib.ExitStack() as stack:
        (folder / "s3").mkdir()
        store = stack.enter_context(started(folder / "s3"))
        ports = {name: free_port() for name in PORTS} | {"s3": int(store.endpoint.rpartition(":")[2])}
        secrets = runpy.run_path(str(ROOT / "infra" / "compose" / "make_secrets.py"))["files"]()
        services = Services(folder, ports, secrets, _bare(folder))
        shutil.copytree(checkout, services.checkout)
        stack.enter_context(postgres(services))
        services.once("bucket")
        for name in ("prefect", "mlflow"):
            stack.enter_context(services.running(name, COMPOSE[name]["environment"]["HEALTH_URL"]))
        services.once("deploy")
        stack.enter_context(services.running("worker", "http://127.0.0.1:8080/health"))
        yield services


@contextlib.contextmanager
def postgres_folder() -> Iterator[Path]:
    """A folder that a user who is nobody may reach, or a skipped test where there is no Postgres."""
    if not binaries():
        pytest.skip("Postgres is not here (Debian: postgresql-15)")
    folder = Path(tempfile.mkdtemp(prefix="augmill-services-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def postgres(services: Services) -> Iterator[None]:
    """A new Postgres, set up by the script that compose.yaml mounts, as a user who is not root."""
    data, bare = services.folder / "postgres", _bare(services.folder)
    secrets, log = services.secrets["postgres.env"], services.folder / "postgres.log"
    data.mkdir()
    (data / "password").write_text(secrets["POSTGRES_PASSWORD"])
    user: tuple[str, ...] = ()
    if os.geteuid() == 0:
        user = NOBODY
        for path in (data, data / "password"):
            shutil.chown(path, "nobody", "nogroup")
    folders = [f"--pgdata={data / 'tables'}", f"--pwfile={data / 'password'}"]
    made = subprocess.run(
        [*user, f"{binaries()}/initdb", *folders, "--username=postgres", "--auth=scram-sha-256", "--no-sync"],
        env=bare, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    port = str(services.ports["postgres"])
    command = [*user, f"{binaries()}/postgres", "-D", str(data / "tables"), "-h", "127.0.0.1", "-p", port]
    with log.open("wb") as opened, guarded([*command, "-k", str(data), "-c", "fsync=off"], opened, bare) as process:
        wait_for_postgres(port, process, log)
        told = bare | secrets | {"PGHOST": "127.0.0.1", "PGPORT": port, "PGPASSWORD": secrets["POSTGRES_PASSWORD"]}
        script = ROOT / "infra" / "compose" / "databases.sh"
        told["PATH"] = f"{binaries()}:{told['PATH']}"
        subprocess.run(["sh", str(script)], env=told, check=True, capture_output=True)
        yield


def binaries() -> str | None:
    """The folder of the newest Postgres, where Debian or PATH has one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    program = str(found[-1]) if found else shutil.which("initdb")
    return str(Path(program).parent) if program else None


def wait_for_postgres(port: str, process: subprocess.Popen, log: Path) -> None:
    """Until it takes connections."""
    deadline = time.monotonic() + START_SECONDS
    ready = [f"{binaries()}/pg_isready", "--quiet", "--host=127.0.0.1", f"--port={port}"]
    while subprocess.run(ready, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"Postgres did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)


def wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    """Until a service says that it is well."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:
            if answer.status == 200:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"{url} did not answer:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.3)


def _bare(folder: Path) -> dict[str, Any]:
    """No variable of this session but those that any program needs; a home of its own; nothing that waits long."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"{ROOT}:{ROOT}/infra/checkout",
        "AUGMILL_HOME": str(folder / "home"),
        "PREFECT_HOME": str(folder / "home" / "prefect"),
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(folder / "ui"),
        "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "AWS_EC2_METADATA_DISABLED": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "true",
    }
