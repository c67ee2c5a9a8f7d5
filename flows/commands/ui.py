"""Open the MLflow UI on the tracking store in use: versions, figures, lineage pages.

A store without a server (the default SQLite file, or a database) is served by `mlflow server` for as long as this
command runs; where `augmill up` serves it already, that server is opened.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from augmill.flows.config import stack_state
from augmill.flows.console import json_option, print_json, say
from augmill.flows.http_client import without_user
from augmill.flows.servers.mlflow_server import FIRST_PORT, is_served, launch
from augmill.flows.servers.ports import choose, url_host
from augmill.flows.servers.service import start
from augmill.flows.settings import Settings, make_folder, quiet_libraries, settings
from augmill.policies.errors import PolicyError, StorageError

LOG = "mlflow-ui.log"
START_SECONDS, STOP_SECONDS, ANSWER_SECONDS = 120.0, 5.0, 10.0

EXAMPLE = """
\b
Examples:
  augmill ui
  augmill ui oil-spill --port 8080 --no-browser
"""


@click.command(epilog=EXAMPLE)
@click.argument("dataset", required=False)
@click.option("--port", type=click.IntRange(1, 65535), help="Default: the first free one from 5000.")
@click.option("--host", default="127.0.0.1", show_default=True, help="MLflow asks nobody for a password.")
@click.option("--browser/--no-browser", default=None, help="Default: open one if there is one.")
@json_option
def command(dataset: str | None, port: int | None, host: str, browser: bool | None, as_json: bool) -> None:
    """Serve the MLflow UI until ctrl-C, and open it: all datasets, or the versions of one."""
    current = settings()
    quiet_libraries(current)
    with served(current, host, port) as (address, server):
        url = address + _page_path(address, dataset)
        if as_json:
            print_json({"url": url, "address": address})
        else:
            say(f"MLflow UI: {url}")
        if _can_open_browser() if browser is None else browser:
            click.launch(url)
        if server:
            say("Stop it with ctrl-C.", err=True)
            with suppress(KeyboardInterrupt):
                server.wait()
                raise StorageError("the MLflow server has stopped.", f"See {current.home / LOG}, then start it again.")


@contextmanager
def served(current: Settings, host: str, port: int | None) -> Iterator[tuple[str, subprocess.Popen[bytes] | None]]:
    """The address of a UI on the store in use, and its server if one had to be started; that ends with the block."""
    running = without_user(current.tracking_uri).rstrip("/") if is_served(current.tracking_uri) else None
    running = running or (stack_state.address(current.home, "mlflow") if port is None else None)  # that of `augmill up`
    if running:
        _response_body(running, "/health")
        yield running, None
        return
    port = choose(host, FIRST_PORT, port)
    address = f"http://{url_host(host)}:{port}"
    log = make_folder(current.home) / LOG
    with log.open("w") as output:
        server = start(launch(current, host, port), output.fileno())
    try:
        _wait(server, address, log)
        yield address, server
    finally:
        _stop(server)


def _wait(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(StorageError):
            _response_body(address, "/health")
            return
        time.sleep(0.1)
    lines = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
    from augmill.tasks.sanitize.redact import redact_text

    raise StorageError(f"the MLflow server did not start: {redact_text(lines[-1])[:300]}.", f"See {log}.")


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.stdin:
        with suppress(OSError):
            server.stdin.close()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)  # it serves from a process of its own
        server.wait()


def _response_body(address: str, path: str) -> bytes:
    try:
        with urllib.request.urlopen(address + path, timeout=ANSWER_SECONDS) as response:  # noqa: S310 (user's own URL)
            return bytes(response.read())
    except urllib.error.HTTPError as fault:
        with fault:
            if fault.code < 500:  # it is there, and wants a password that the browser will be asked for
                return b""
            reason = f"HTTP {fault.code}"
    except OSError as fault:
        reason = str(fault)
    raise StorageError(
        f"the MLflow server at {address} does not answer: {reason}.", "Start it, or set AUGMILL_TRACKING_URI."
    )


def _page_path(address: str, dataset: str | None) -> str:
    from augmill.tasks.documents.mlflow_view import list_path

    if dataset is None:
        return list_path()
    query = urllib.parse.urlencode({"experiment_name": dataset})
    body = _response_body(address, f"/api/2.0/mlflow/experiments/get-by-name?{query}")
    if not body:
        raise PolicyError(f"MLflow holds no record of {dataset}.", "`augmill ui` alone shows the datasets it holds.")
    return list_path(str(json.loads(body)["experiment"]["experiment_id"]))


def _can_open_browser() -> bool:
    """Whether there is a terminal and a graphical browser; a text browser would block the terminal."""
    import webbrowser

    if not sys.stdout.isatty():
        return False
    try:
        return type(webbrowser.get()) is not webbrowser.GenericBrowser
    except webbrowser.Error:
        return False
