"""Start Prefect server, worker and MLflow UI, and keep them running until ctrl-C.

A part that dies is started again. Everything listens on loopback, everything it keeps is in AUGMILL_HOME, and the
addresses stay the same the next time. Commands in the same home find the servers by themselves.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from augmill.flows.config import stack_state
from augmill.flows.console import json_option, print_json, say
from augmill.flows.settings import Settings, child_environment, make_folder, quiet_libraries, settings
from augmill.policies.errors import PolicyError, StorageError

EXAMPLE = """
\b
Examples:
  augmill up
  augmill up --detach && augmill deploy && augmill status
"""
OPEN = "MLflow and Prefect ask nobody for a password unless told to: see infra/security.md."


@click.command(epilog=EXAMPLE)
@click.option("--detach", is_flag=True, help="Leave it running in the background; `augmill down` stops it.")
@click.option("--prefect-port", type=click.IntRange(1, 65535), help="Default: as last time, else from 4200.")
@click.option("--mlflow-port", type=click.IntRange(1, 65535), help="Default: as last time, else from 5000.")
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Default: as last time, else from 9464.")
@click.option("--host", default="127.0.0.1", show_default=True, help=OPEN)
@click.option("--quiet", is_flag=True, hidden=True, help="Say what happens in the log alone.")
@json_option
def command(
    detach: bool,
    prefect_port: int | None,
    mlflow_port: int | None,
    metrics_port: int | None,
    host: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Start Prefect server, worker and MLflow UI together; keep them running until ctrl-C."""
    current = settings()
    quiet_libraries(current)
    make_folder(current.home)
    if not quiet:
        _warn_of_open_servers(host, current)
    ports = {"prefect": prefect_port, "mlflow": mlflow_port, "metrics": metrics_port}
    if detach:
        _print_document(_start_detached(current, host, ports), as_json)
        return
    with stack_state.locked(current.home) as free:
        if free:
            _run_supervisor(current, host, ports, quiet, as_json)
            return
    _print_document(_wait_for_running_stack(current), as_json)


def _run_supervisor(current: Settings, host: str, ports: dict[str, int | None], quiet: bool, as_json: bool) -> None:
    from augmill.flows.stack.stack_supervisor import (
        Stack,
        log_and_show,
        log_of,
        ports_for,
        remove_orphans,
        signals_stop,
    )

    tell = log_and_show(log_of(current), None if quiet else lambda text: say(text, err=True))
    if orphans := remove_orphans(current):
        tell(f"{len(orphans)} processes of a stack whose supervisor was killed were ended")
    stack = Stack(settings(), host, ports_for(current, host, ports, tell), tell)
    with signals_stop(stack):
        try:
            tell("starting Prefect server, MLflow UI, metrics and worker")
            stack.start()
            if not stack.stop:
                _print_document(_document(current, already=False), as_json)
                stack.wait()
        finally:
            tell("stopping")
            stack.stop = True
            stack.end()
            tell("stopped")


def _start_detached(current: Settings, host: str, ports: Mapping[str, int | None]) -> dict[str, Any]:
    """Start `augmill up` in the background; returns its document once everything answers, or raises its error."""
    port_options = [f"--{name}-port={port}" for name, port in ports.items() if port]
    log = current.home / "logs" / "up.err"  # of nothing but bugs: what is foreseen is in the document
    make_folder(log.parent)
    with log.open("w") as errors:
        process = subprocess.Popen(  # noqa: S603 (ourselves)
            [sys.executable, "-m", "augmill.flows.cli", "up", "--json", "--quiet", "--host", host, *port_options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=child_environment(),
            start_new_session=True,
        )
    document: dict[str, Any] = _first_document(process, log)
    if not document:
        raise StorageError("it was stopped before everything answered.", "Start it again when it may run.")
    if fault := document.get("error"):
        process.wait()
        raise {2: PolicyError, 4: StorageError}[fault["exit_code"]](fault["cause"], fault["remedy"])
    return document


def _first_document(process: subprocess.Popen[str], log: Path) -> Any:
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        if line == "}\n":
            return json.loads("".join(lines))
    if process.wait() == 0:
        return {}
    raise StorageError(f"the supervisor ended with exit code {process.returncode}.", f"See {log}.")


def _wait_for_running_stack(current: Settings) -> dict[str, Any]:
    """Wait until the stack of another supervisor has started; returns its document. Raises StorageError if it fails."""
    log = f"See {current.home / 'logs' / 'up.log'}, then start it again."
    while (stack := stack_state.running(current.home)) is None or _phases(stack) & {"starting", "restarting"}:
        with stack_state.locked(current.home) as free:
            if free:
                raise StorageError("the stack that was starting in this home has ended.", log)
        time.sleep(0.2)
    if "failed" in _phases(stack):
        raise StorageError("a part of the stack that runs in this home was given up.", f"`augmill down`. {log}")
    return _document(current, already=True)


def _phases(stack: stack_state.StackState) -> set[str]:
    return {service.phase for service in stack.services.values()}


def _document(current: Settings, *, already: bool) -> dict[str, Any]:
    from augmill.flows.stack.stack_status import status

    return {"already": already, **status(current)}


def _print_document(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
        sys.stdout.flush()
    else:
        from augmill.tasks.summaries.stack_text import started

        say(started(document), nl=False)


def _warn_of_open_servers(host: str, current: Settings) -> None:
    from augmill.flows.servers.ports import is_loopback

    if is_loopback(host):
        return
    open_servers = [name for name, on in (("Prefect", current.prefect_auth), ("MLflow", current.mlflow_auth)) if not on]
    if open_servers:
        names = " and ".join(open_servers)
        say(
            f"warning: whoever reaches {host} can read and change everything: {names} will ask nobody for a password. "
            "infra/security.md says how to have them ask.",
            err=True,
        )
