"""Prometheus, its Alertmanager, a push gateway and whoever is told, on free loopback ports, from the shipped files.

The shipped configuration is used as it is but for addresses and for how long everything waits: what takes a quarter of
an hour in production takes a second here.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from tests.fixtures_s3 import _GUARD

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "infra" / "prometheus"
PROGRAMS = ("prometheus", "prometheus-alertmanager", "prometheus-pushgateway", "prometheus-node-exporter")
SECONDS = 90
"""Longest wait for anything here; the machine may be busy."""


def needs(*programs: str) -> None:
    """Skip where Debian's packages are not installed; `.ci/packages` installs them."""
    absent = [name for name in programs if shutil.which(name) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)} not installed: `bash .ci/packages` as root installs it")


def load(name: str) -> dict[str, Any]:
    """A shipped file of Prometheus or Alertmanager."""
    return yaml.safe_load((SHIPPED / name).read_text())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def until(seen: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Ask again and again until there is something to see, and return it; what was seen last if time runs out."""
    end = time.monotonic() + seconds
    while not (found := seen()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


def get(url: str) -> Any:
    """The JSON or text at an address; None while nothing answers there."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
    except (OSError, urllib.error.URLError):
        return None
    return json.loads(text) if text.startswith(("{", "[")) else text or "empty"


@dataclass
class Told:
    """A webhook that keeps what Alertmanager posts to it."""

    posts: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    def of(self, alert: str) -> list[dict[str, Any]]:
        return [post for post in self.posts if post["groupLabels"].get("alertname") == alert]


@contextmanager
def webhook() -> Iterator[Told]:
    told = Told()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        told.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield told
        server.shutdown()
        thread.join()


@contextmanager
def server(ready: str, log: Path, *command: str | Path) -> Iterator[None]:
    """A program that runs for the block and never outlives the tests, once its `ready` address answers."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _GUARD, *map(str, command)], stdin=subprocess.PIPE, stdout=output, stderr=output
        )
        try:
            if not until(lambda: get(ready) or process.poll() is not None) or process.poll() is not None:
                pytest.fail(f"{command[0]} did not start: {log.read_text()[-2000:]}")
            yield
        finally:
            process.communicate(timeout=30)


@dataclass(frozen=True)
class Stack:
    """Where each part listens, and the folder whose *.prom files are scraped."""

    prometheus: str
    alertmanager: str
    pushgateway: str
    textfiles: Path
    told: Told

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = get(f"{self.prometheus}/api/v1/query?query={quote(expression)}")
        return answer["data"]["result"] if answer else []

    def query_fails(self, expression: str) -> bool:
        """Whether Prometheus refuses to evaluate an expression on the series that it has."""
        return get(f"{self.prometheus}/api/v1/query?query={quote(expression)}") is None

    def firing(self, alert: str) -> list[dict[str, Any]]:
        return self.query(f'ALERTS{{alertname="{alert}", alertstate="firing"}}')


def quick_rules(rules: dict[str, Any]) -> dict[str, Any]:
    """The shipped rules, each judged every second and without waiting."""
    for group in rules["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "1s"
    return rules


def quick_prometheus(config: dict[str, Any], ports: dict[str, int]) -> dict[str, Any]:
    """The shipped configuration, asking the ports of this stack every second; what is not in the stack goes."""
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{ports['alertmanager']}"]}]
    for job in config["scrape_configs"]:
        job.pop("scrape_interval", None)
        if job["job_name"] in ports:
            job["static_configs"][0]["targets"] = [f"127.0.0.1:{ports[job['job_name']]}"]
    config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] in ports]
    return config


def quick_alertmanager(config: dict[str, Any], port: int) -> dict[str, Any]:
    """The shipped configuration switched on: everything goes to the webhook, after a second for a group to gather."""
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"receiver": "webhook", "group_wait": "2s", "group_interval": "3s"}
    for receiver in config["receivers"]:
        for hook in receiver.get("webhook_configs", []):
            hook["url"] = f"http://127.0.0.1:{port}/alerts"
    return config


def write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


@contextmanager
def monitoring(folder: Path) -> Iterator[Stack]:
    """Everything that watches, started from the shipped files, and stopped with the block."""
    needs(*PROGRAMS)
    ports = {name: free_port() for name in ("prometheus", "alertmanager", "pushgateway", "node")}
    at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    textfiles = folder / "textfiles"
    textfiles.mkdir()
    for name in ("recording.rules.yml", "alerting.rules.yml"):
        write(folder / name, quick_rules(load(name)))
    config = write(folder / "prometheus.yml", quick_prometheus(load("prometheus.yml"), ports))
    with ExitStack() as open_now:
        told = open_now.enter_context(webhook())
        routes = write(folder / "alertmanager.yml", quick_alertmanager(load("alertmanager.yml"), told.port))
        commands = {
            "alertmanager": [
                "prometheus-alertmanager",
                f"--config.file={routes}",
                f"--storage.path={folder / 'alertmanager'}",
                "--cluster.listen-address=",
            ],
            "pushgateway": ["prometheus-pushgateway", f"--persistence.file={folder / 'pushed'}"],
            "node": ["prometheus-node-exporter", f"--collector.textfile.directory={textfiles}"],
            "prometheus": [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                # What fires before it has found Alertmanager would be sent a minute later.
                "--rules.alert.resend-delay=3s",
            ],
        }
        for name, command in commands.items():
            ready = f"http://{at[name]}/" + ("metrics" if name == "node" else "-/ready")
            listen = f"--web.listen-address={at[name]}"
            open_now.enter_context(server(ready, folder / f"{name}.log", *command, listen))
        urls = {name: f"http://{address}" for name, address in at.items()}
        yield Stack(urls["prometheus"], urls["alertmanager"], urls["pushgateway"], textfiles, told)
