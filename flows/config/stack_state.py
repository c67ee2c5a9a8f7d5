"""What a home knows of its stack: `up/state.json`, true only while the process that wrote it is alive.

The supervisor holds a lock besides, which the kernel drops when it dies: so two cannot look after one home.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from augmill.flows.config.process_identity import Identity

FOLDER, FILE, LOCK, PORTS = "up", "state.json", "lock", "ports.json"
Phase = Literal["starting", "up", "restarting", "failed", "elsewhere"]


@dataclass(frozen=True)
class ServiceState:
    """The state of one service; `since` is when its process started, in Unix seconds."""

    name: str
    phase: Phase
    address: str | None = None
    process: Identity | None = None
    since: float | None = None
    restarts: int = 0
    reason: str = ""


@dataclass(frozen=True)
class StackState:
    """The whole stack: its supervisor, the mark of its processes, and the states of its services by name."""

    supervisor: Identity
    mark: str
    host: str
    since: float
    services: dict[str, ServiceState] = field(default_factory=dict)


def write(home: Path, state: StackState) -> None:
    """Replace the state file of a stack, in one step."""
    file = _folder(home) / FILE
    fresh = file.with_suffix(".new")
    document = asdict(state)
    document["parts"] = document.pop("services")
    fresh.write_text(json.dumps(document, indent=1))
    fresh.replace(file)


def forget(home: Path) -> None:
    """Remove the state file: no stack runs."""
    (home / FOLDER / FILE).unlink(missing_ok=True)


def last_state(home: Path) -> StackState | None:
    """The state in the file, whose supervisor may be dead."""
    try:
        document = json.loads((home / FOLDER / FILE).read_text())
        services = {name: _service_state(state) for name, state in document.pop("parts").items()}
        return StackState(**document | {"supervisor": Identity(**document["supervisor"]), "services": services})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # a damaged file, or one of another version
        return None


def running(home: Path) -> StackState | None:
    """The stack that runs now; none where its supervisor has died and left its file behind."""
    stack = last_state(home)
    return stack if stack and stack.supervisor.alive else None


def address(home: Path, name: str) -> str | None:
    """The address of a service of the running stack; None for one that was given up."""
    stack = running(home)
    service = stack.services.get(name) if stack else None
    return service.address if service and service.phase != "failed" else None


@contextmanager
def locked(home: Path) -> Iterator[bool]:
    """Be the only supervisor of a home for as long as the block runs; yields false where there is one."""
    with (_folder(home) / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def remembered_ports(home: Path) -> dict[str, int]:
    """The ports that the services had last time."""
    try:
        ports = json.loads((home / FOLDER / PORTS).read_text())
        return {str(name): int(port) for name, port in ports.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def remember_ports(home: Path, ports: dict[str, int]) -> None:
    """Keep the ports for the next time."""
    (_folder(home) / PORTS).write_text(json.dumps(ports))


def _service_state(document: dict[str, object]) -> ServiceState:
    process = document.get("process")
    identity = Identity(**process) if isinstance(process, dict) else None
    return ServiceState(**document | {"process": identity})  # type: ignore[arg-type]


def _folder(home: Path) -> Path:
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o700)
    return folder
