"""The services of the stack: how they are described, started and checked."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from augmill.flows.http_client import OTHER_PROGRAM, NoReply
from augmill.flows.settings import child_environment

PROGRAM = Path(__file__).with_name("child_main.py")
HEALTH_SECONDS = 5.0


class Unhealthy(Exception):
    """A service does not work; the message says why."""


@dataclass(frozen=True)
class Health:
    """What a service that answers reports."""

    version: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Launch:
    """How to start a process: a program that watches its standard input, and the first line it reads there."""

    command: Sequence[str]
    first_line: str = ""
    descriptors: Sequence[int] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """A server or worker. Without `launch` somebody else runs it, and it is only checked."""

    name: str
    title: str
    address: str | None
    launch: Launch | None
    health: Callable[[float], Health]
    """Takes the age of the process in seconds; raises Unhealthy where it does not work. Bounded in time; called by
    `checked_health`."""
    listener: socket.socket | None = None
    """The socket on which the process accepts, if we listen on it."""


def checked_health(health: Callable[[float], Health], age: float) -> Health:
    """The health of a service. Raises Unhealthy for every fault, also where another program answers at its address."""
    try:
        return health(age)
    except Unhealthy:
        raise
    except NoReply as fault:
        raise Unhealthy(str(fault)) from fault
    except (ValueError, TypeError, KeyError) as fault:
        raise Unhealthy(OTHER_PROGRAM) from fault


def launch_child(call: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Launch:
    """How to start a child process that calls `module:function` with arguments and ends when we do."""
    document = {"call": call, "arguments": list(arguments), "environment": dict(environment), "path": sys.path}
    return Launch([sys.executable, "-P", str(PROGRAM)], json.dumps(document) + "\n")


def start(launch: Launch, output: int, **environment: str) -> subprocess.Popen[bytes]:
    """Start a process of its own session, which ctrl-C does not reach; both its outputs go to `output`."""
    process = subprocess.Popen(  # noqa: S603 (our own programs)
        launch.command,
        stdin=subprocess.PIPE,  # held by us alone: the kernel closes it when we die, and the process ends
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=launch.descriptors,
        env=child_environment(**launch.environment, **environment),
        start_new_session=True,
    )
    if launch.first_line and process.stdin:
        process.stdin.write(launch.first_line.encode())
        process.stdin.flush()
    return process
