"""Stop what `augmill up` has started: the worker and its runs first, then MLflow UI and Prefect server.

A run that is stopped is not lost: what it finished is kept, and the next run goes on from there.
"""

from __future__ import annotations

import signal
import time

import click

from augmill.flows.config import stack_state
from augmill.flows.config.process_identity import send
from augmill.flows.console import json_option, print_json, say
from augmill.flows.settings import Settings, settings
from augmill.policies.errors import StorageError

WAIT_SECONDS = 90.0

EXAMPLE = """
\b
Example:
  augmill down
"""


@click.command(epilog=EXAMPLE)
@json_option
def command(as_json: bool) -> None:
    """Stop Prefect server, worker and MLflow UI of this home, and what a killed supervisor has left."""
    current = settings()
    stopped = _stop(current)
    swept = _end_orphans(current)
    if as_json:
        print_json({"stopped": stopped, "left_over": swept})
    elif stopped:
        say("Stopped.")
    elif swept:
        say(f"The supervisor was dead already; {swept} processes that it had left were ended.")
    else:
        say(f"Nothing was running in {current.home}.")


def _stop(current: Settings) -> bool:
    """Signal the supervisor to stop, and wait until it has."""
    stack = stack_state.running(current.home)
    if stack is None:
        return False
    send(stack.supervisor, signal.SIGTERM)
    deadline = time.monotonic() + WAIT_SECONDS
    while stack.supervisor.alive:
        if time.monotonic() > deadline:
            raise StorageError(
                f"the supervisor, process {stack.supervisor.pid}, has not stopped in {WAIT_SECONDS:g} s.",
                f"See {current.home / 'logs' / 'up.log'}; end it with `kill -9 {stack.supervisor.pid}` and come again.",
            )
        time.sleep(0.1)
    return True


def _end_orphans(current: Settings) -> int:
    from augmill.flows.stack.stack_supervisor import remove_orphans

    if not current.home.is_dir():
        return 0
    with stack_state.locked(current.home) as free:
        return len(remove_orphans(current)) if free else 0
