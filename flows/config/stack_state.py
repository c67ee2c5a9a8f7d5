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
class PartState:
    """One part as its keeper sees it; `since` is when its process started, in Unix seconds."""

    name: str
    phase: Phase
    address: str | None = None
    process: Identity | None = None
    since: float | None = None
    restarts: int = 0
    reason: str = ""


@dataclass(frozen=True)
class StackState:
    """The whole stack: who looks after it, how its processes are marked, and its parts by name."""

    supervisor: Identity
    mark: str
    host: str
    since: float
    parts: dict[str, PartState] = field(default_factory=dict)


def write(home: Path, state: StackState) -> None:
    """Replace what is said of a stack, in one step."""
    file = _folder(home) / FILE
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(state), indent=1))
    fresh.replace(file)


def forget(home: Path) -> None:
    """Say that no stack runs."""
    (home / FOLDER / FILE).unlink(missing_ok=True)


def left(home: Path) -> StackState | None:
    """What was last said, by a supervisor that may be dead."""
    try:
        said = json.loads((home / FOLDER / FILE).read_text())
        parts = {name: _part(one) for name, one in said.pop("parts").items()}
        return StackState(**said | {"supervisor": Identity(**said["supervisor"]), "parts": parts})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # half a disk, or another version's
        return None


def running(home: Path) -> StackState | None:
    """The stack that runs now; none where its supervisor has died and left its file behind."""
    said = left(home)
    return said if said and said.supervisor.alive else None


def address(home: Path, part: str) -> str | None:
    """Where a part of the running stack answers; nothing for one that was given up."""
    stack = running(home)
    found = stack.parts.get(part) if stack else None
    return found.address if found and found.phase != "failed" else None


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
    """The ports that the parts had last time."""
    try:
        said = json.loads((home / FOLDER / PORTS).read_text())
        return {str(name): int(port) for name, port in said.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def remember_ports(home: Path, ports: dict[str, int]) -> None:
    """Keep the ports for the next time."""
    (_folder(home) / PORTS).write_text(json.dumps(ports))


def _part(said: dict[str, object]) -> PartState:
    process = said.get("process")
    known = Identity(**process) if isinstance(process, dict) else None
    return PartState(**said | {"process": known})  # type: ignore[arg-type]


def _folder(home: Path) -> Path:
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o700)
    return folder
