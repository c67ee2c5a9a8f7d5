"""Open the MLflow UI on the tracking store in use: versions, figures, lineage pages.

A store without a server (the default SQLite file, or a database) is served by `mlflow server` for as long as this
command runs. The server watches its standard input and ends when that closes, which the kernel sees to even when
we are killed; that is also how it learns its store, whose address may hold a password, without showing it in `ps`.
"""

from __future__ import annotations

import json
import socket
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

from flows.console import json_option, print_json
from flows.settings import Settings, quiet_libraries, settings
from policies.errors import PolicyError, StorageError

LOG = "mlflow-ui.log"
FIRST_PORT, PORTS_TRIED = 5000, 50
START_SECONDS, STOP_SECONDS, ANSWER_SECONDS = 120.0, 5.0, 10.0

SERVER = """
import json, os, signal, sys, threading
environment, arguments = json.loads(sys.stdin.readline())
os.environ.update(environment)
def watch_parent():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=watch_parent, daemon=True).start()
from mlflow.cli import cli
cli(arguments)
"""

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
        url = address + _page(address, dataset)
        if as_json:
            print_json({"url": url, "address": address})
        else:
            click.echo(f"MLflow UI: {url}")
        if _may_open() if browser is None else browser:
            click.launch(url)
        if server:
            click.echo("Stop it with ctrl-C.", err=True)
            with suppress(KeyboardInterrupt):
                server.wait()
                raise StorageError("the MLflow server has stopped.", f"See {current.home / LOG}, then start it again.")


@contextmanager
def served(current: Settings, host: str, port: int | None) -> Iterator[tuple[str, subprocess.Popen[str] | None]]:
    """The address of a UI on the store in use, and its server if one had to be started; that ends with the block."""
    if current.tracking_uri.startswith(("http://", "https://")):
        address = _without_user(current.tracking_uri)
        _answer(address, "/health")
        yield address, None
        return
    port = _free_port(host, port)
    address = f"http://{_spelled(host)}:{port}"
    log = current.home / LOG
    server = _start(current.tracking_uri, host, port, log)
    try:
        _wait(server, address, log)
        yield address, server
    finally:
        _stop(server)


def _start(tracking_uri: str, host: str, port: int, log: Path) -> subprocess.Popen[str]:
    from tasks.lineage.database import create_database, database_file

    arguments = ["server", "--host", host, "--port", str(port), "--workers", "1"]
    if database := database_file(tracking_uri):
        create_database(database)
        arguments += ["--artifacts-destination", str(database.parent / "mlartifacts")]
    # Background jobs are for judging language models; they would be four more processes.
    environment = {"MLFLOW_BACKEND_STORE_URI": tracking_uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        server = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # ctrl-C is for us; we stop it in order
        )
    if server.stdin:
        server.stdin.write(json.dumps([environment, arguments]) + "\n")
        server.stdin.flush()
    return server


def _wait(server: subprocess.Popen[str], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(StorageError):
            _answer(address, "/health")
            return
        time.sleep(0.1)
    lines = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
    from tasks.lineage.redact import redact_text

    raise StorageError(f"the MLflow server did not start: {redact_text(lines[-1])[:300]}.", f"See {log}.")


def _stop(server: subprocess.Popen[str]) -> None:
    if server.stdin:
        with suppress(OSError):
            server.stdin.close()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _answer(address: str, path: str) -> bytes:
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


def _page(address: str, dataset: str | None) -> str:
    from tasks.lineage.run_list import list_path

    if dataset is None:
        return list_path()
    query = urllib.parse.urlencode({"experiment_name": dataset})
    found = _answer(address, f"/api/2.0/mlflow/experiments/get-by-name?{query}")
    if not found:
        raise PolicyError(f"MLflow holds no record of {dataset}.", "`augmill ui` alone shows the datasets it holds.")
    return list_path(str(json.loads(found)["experiment"]["experiment_id"]))


def _free_port(host: str, port: int | None) -> int:
    wanted = range(FIRST_PORT, FIRST_PORT + PORTS_TRIED) if port is None else [port]
    reason = ""
    for number in wanted:
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
            return number
        except OSError as fault:
            reason = fault.strerror or str(fault)
    last = f"{wanted[0]} to {wanted[-1]}" if len(wanted) > 1 else str(port)
    raise StorageError(f"cannot serve on {host}, port {last}: {reason}.", "Choose another with --port or --host.")


def _spelled(host: str) -> str:
    """The host as a browser on this machine reaches it."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared with, not bound to)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _without_user(tracking_uri: str) -> str:
    """The address without user and password: it is printed, and a browser asks for them itself."""
    parts = urllib.parse.urlsplit(tracking_uri)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")


def _may_open() -> bool:
    """Whether a person sits there and has a browser with windows; a text browser would take the terminal."""
    import webbrowser

    if not sys.stdout.isatty():
        return False
    try:
        return type(webbrowser.get()) is not webbrowser.GenericBrowser
    except webbrowser.Error:
        return False
