"""What a part of the stack is, for those who start it, look after it and show it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from augmill.flows.http_client import STRANGER, NoReply
from augmill.flows.settings import child_environment

PROGRAM = Path(__file__).with_name("child_main.py")
HEALTH_SECONDS = 5.0


class NotWell(Exception):
    """A part does not do its work; says why."""


@dataclass(frozen=True)
class Health:
    """What a part that answers says of itself."""

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
class Part:
    """A server or worker. Without `launch` it is somebody else's, and only looked at."""

    name: str
    title: str
    address: str | None
    launch: Launch | None
    health: Callable[[float], Health]
    """Raises NotWell where the process, which is that many seconds old, does not do its work. Bounded in time; asked
    by `answer_of`."""
    listener: socket.socket | None = None
    """What the process accepts on, if it is we who listen."""


def answer_of(health: Callable[[float], Health], age: float) -> Health:
    """What a part says of itself. Raises NotWell, whatever it is that answers at its address and however."""
    try:
        return health(age)
    except NotWell:
        raise
    except NoReply as fault:
        raise NotWell(str(fault)) from fault
    except (ValueError, TypeError, KeyError) as fault:
        raise NotWell(STRANGER) from fault


def watched(call: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Launch:
    """Run `module:function` with arguments in a process that ends when we do."""
    said = {"call": call, "arguments": list(arguments), "environment": dict(environment), "path": sys.path}
    return Launch([sys.executable, "-P", str(PROGRAM)], json.dumps(said) + "\n")


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
