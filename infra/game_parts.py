"""The parts that a game day starts: a store, the stack of `augmill up`, Prometheus, Alertmanager and their webhook.

Every program is in a process group of its own that ends with us, however we end, and listens on loopback alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "infra" / "prometheus"
BUCKET = "game-day"

# Ends the whole group of the program when its standard input closes, which happens however we end.
GUARD = """
import os, select, signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, process_group=0)
print(program.pid, flush=True)
while program.poll() is None and not select.select([sys.stdin], [], [], 0.2)[0]:
    pass
for number in (signal.SIGTERM, signal.SIGKILL):
    try:
        os.killpg(program.pid, number)
        program.wait(5)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass
"""


class Unusable(Exception):
    """A game day cannot be played here; says what is missing."""


def until(probe: Callable[[], Any], seconds: float) -> Any:
    """Call `probe` until it returns something true or time runs out; returns its last answer."""
    end = time.monotonic() + seconds
    while not (answer := probe()) and time.monotonic() < end:
        time.sleep(0.3)
    return answer


def get(url: str, seconds: float = 10.0) -> Any:
    """The JSON or text at an address; None where nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            text = answer.read().decode(errors="replace")
    except (OSError, urllib.error.URLError):
        return None
    return json.loads(text) if text.startswith(("{", "[")) else text or "empty"


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def program(log: Path, ready: str, *command: str | Path, **environment: str) -> Iterator[int]:
    """Run a program until the block ends, once it answers at `ready`; yields its process id."""
    with log.open("ab") as output:
        guard = subprocess.Popen(
            [sys.executable, "-c", GUARD, *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        try:
            pid = int(guard.stdout.readline() or 0) if guard.stdout else 0
            if not until(lambda: get(ready) or guard.poll() is not None, 120) or guard.poll() is not None:
                raise Unusable(f"{command[0]} did not start; {log} ends with: {log.read_text(errors='replace')[-500:]}")
            yield pid
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                guard.communicate(timeout=30)


@dataclass
class Store:
    """An S3 store on a port of its own, which keeps what it has through kill -9."""

    folder: Path
    port: int = field(default_factory=free_port)
    running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    pid: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """How augmill and every reader find it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "game",
            "AWS_SECRET_ACCESS_KEY": "day",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }

    def start(self) -> None:
        """Start it, with everything that it had."""
        folders = {name: str(self.folder / name) for name in ("objects", "state")}
        settings = {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "SERVICES": "s3",
            "S3_PERSIST": "1",
            "S3_DATA_DIR": folders["objects"],
            "PERSIST_STATE": "1",
            "STATE_DIR": folders["state"],
            "LOG_LEVEL": "WARNING",
        }
        self.running = contextlib.ExitStack()
        command, log = ministack(), self.folder / "store.log"
        self.pid = self.running.enter_context(program(log, f"http://127.0.0.1:{self.port}/", command, **settings))

    def client(self) -> Any:
        """A client of it."""
        import boto3

        names = {"AWS_ENDPOINT_URL": "endpoint_url", "AWS_ACCESS_KEY_ID": "aws_access_key_id"}
        names |= {"AWS_SECRET_ACCESS_KEY": "aws_secret_access_key", "AWS_REGION": "region_name"}
        settings = {names[name]: value for name, value in self.environment.items() if name in names}
        return boto3.client("s3", **settings)

    def make_bucket(self) -> None:
        """Make the bucket of the lake."""
        self.client().create_bucket(Bucket=BUCKET)

    def stop(self) -> None:
        """Stop it, if it runs."""
        self.running.close()

    def kill(self) -> None:
        """kill -9."""
        os.killpg(self.pid, signal.SIGKILL)
        self.running.close()


def ministack() -> str:
    """The S3 server of the tests."""
    installed = ROOT / ".venv-ministack" / "bin" / "ministack"
    path = shutil.which("ministack") or (str(installed) if installed.is_file() else None)
    if path is None:
        raise Unusable("there is no ministack: `python3 infra/dev.py install` puts it into .venv-ministack")
    return path


@dataclass
class Watch:
    """Prometheus and its Alertmanager, with the shipped rules, and the alerts that the webhook received."""

    prometheus: str
    alertmanager: str
    alerts_received: list[tuple[float, str, str]]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What Prometheus answers."""
        answer = get(f"{self.prometheus}/api/v1/query?query={quote(expression)}")
        return list(answer["data"]["result"]) if isinstance(answer, dict) else []

    def firing(self, alert: str) -> bool:
        """Whether an alert fires now."""
        return bool(self.query(f'ALERTS{{alertname="{alert}",alertstate="firing"}}'))

    def seconds_until_alert(self, began: float, alert: str) -> float | None:
        """Seconds from `began` until the webhook received an alert; None if it has not."""
        return next(
            (
                round(at - began, 1)
                for at, name, status in self.alerts_received
                if at > began and (name, status) == (alert, "firing")
            ),
            None,
        )


@contextlib.contextmanager
def watching(folder: Path, exporter: int) -> Iterator[Watch]:
    """Start what watches. Rules are the shipped ones, but wait a second where they say a minute."""
    absent = [name for name in ("prometheus", "prometheus-alertmanager", "promtool") if not shutil.which(name)]
    if absent:
        raise Unusable(f"{', '.join(absent)} not installed: `bash .ci/packages` as root installs it")
    ports = {"prometheus": free_port(), "alertmanager": free_port()}
    with contextlib.ExitStack() as running:
        inbox = running.enter_context(_webhook())
        for name in ("recording.rules.yml", "alerting.rules.yml"):
            _write(folder / name, _quick_rules(_load(name)))
        config = _write(folder / "prometheus.yml", _quick_prometheus(_load("prometheus.yml"), ports, exporter))
        routes = _write(folder / "alertmanager.yml", _quick_routes(_load("alertmanager.yml"), inbox.port))
        at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        listen = {name: f"--web.listen-address={address}" for name, address in at.items()}
        alertmanager = ["prometheus-alertmanager", f"--config.file={routes}", "--cluster.listen-address="]
        alertmanager += [f"--storage.path={folder / 'alertmanager'}", listen["alertmanager"]]
        prometheus = ["prometheus", f"--config.file={config}", "--web.enable-lifecycle", listen["prometheus"]]
        prometheus += [f"--storage.tsdb.path={folder / 'series'}"]
        for name, command in (("alertmanager", alertmanager), ("prometheus", prometheus)):
            running.enter_context(program(folder / f"{name}.log", f"http://{at[name]}/-/ready", *command))
        yield Watch(f"http://{at['prometheus']}", f"http://{at['alertmanager']}", inbox.alerts)


@dataclass
class _AlertInbox:
    alerts: list[tuple[float, str, str]] = field(default_factory=list)
    port: int = 0


@contextlib.contextmanager
def _webhook() -> Iterator[_AlertInbox]:
    """The webhook of the person on call: records when each alert came."""
    inbox = _AlertInbox()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            for alert in json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]:
                inbox.alerts.append((time.monotonic(), alert["labels"]["alertname"], alert["status"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        inbox.port = int(server.server_address[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield inbox
        server.shutdown()


def _load(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((SHIPPED / name).read_text()))


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def _quick_rules(rules: dict[str, Any]) -> dict[str, Any]:
    for group in rules["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = f"{int(rule['for'].rstrip('smh'))}s"
    return rules


def _quick_prometheus(config: dict[str, Any], ports: dict[str, int], exporter: int) -> dict[str, Any]:
    port_by_job = {**ports, "augmill-exporter": exporter}
    config["global"] = {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{ports['alertmanager']}"]}]
    config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] in port_by_job]
    for job in config["scrape_configs"]:
        job["static_configs"][0]["targets"] = [f"127.0.0.1:{port_by_job[job['job_name']]}"]
        if job["job_name"] == "augmill-exporter":  # it looks at services that may hang
            job |= {"scrape_interval": "5s", "scrape_timeout": "5s"}
    return config


def _quick_routes(config: dict[str, Any], port: int) -> dict[str, Any]:
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"receiver": "webhook", "group_wait": "1s", "group_interval": "2s"}
    for receiver in config["receivers"]:
        for hook in receiver.get("webhook_configs", []):
            hook["url"] = f"http://127.0.0.1:{port}/alerts"
    return config
