"""Which process is which: a number is given again when its process has gone; number and start time together are not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
BOOT = PROC / "sys" / "kernel" / "random" / "boot_id"
MARK = "AUGMILL_STACK"
"""The variable by which every process of a stack is known, those included that lost their parent."""
KILL_SECONDS = 5.0  # until the kernel has taken one apart, its ports are not free
STATE, START_TICKS = 0, 19  # in /proc/PID/stat, counted from behind the name, which may hold anything


@dataclass(frozen=True)
class Identity:
    """One process of this machine since it was switched on: its number, when it started in ticks, and which start."""

    pid: int
    started: int
    boot: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return identity(self.pid) == self


def identity(pid: int) -> Identity | None:
    """Who runs under a number now; nobody where it has ended, also where nobody has collected its exit code yet."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        boot = BOOT.read_text().strip()
    except OSError:
        return None
    return None if fields[STATE] == "Z" else Identity(pid, int(fields[START_TICKS]), boot)


def marked(mark: str) -> Iterator[Identity]:
    """The processes of a stack, by the mark in their environment; not ourselves."""
    wanted = f"{MARK}={mark}".encode()
    for folder in PROC.glob("[0-9]*"):
        pid = int(folder.name)
        with suppress(OSError):  # it has just ended, or is another user's
            ours = pid != os.getpid() and wanted in (folder / "environ").read_bytes().split(b"\0")
            if ours and (found := identity(pid)):
                yield found


def values(name: str, mark: str | None = None) -> Iterator[str]:
    """A variable as processes here were started with it: all that we may look at, or those of a stack."""
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):
            variables = (folder / "environ").read_bytes().split(b"\0")
            if mark is None or f"{MARK}={mark}".encode() in variables:
                found = (one.partition(b"=") for one in variables)
                yield from (value.decode(errors="replace") for key, _, value in found if key == name.encode())


def end(processes: list[Identity], seconds: float) -> list[Identity]:
    """Ask processes to end, and after `seconds` do not ask; they are gone on return. Returns who had to be killed."""
    for process in processes:
        send(process, signal.SIGTERM)
    killed = _left(processes, seconds)
    for process in killed:
        send(process, signal.SIGKILL)
    _left(killed, KILL_SECONDS)
    return killed


def _left(processes: list[Identity], seconds: float) -> list[Identity]:
    """Those that still run after so long, or as soon as there are none."""
    deadline = time.monotonic() + seconds
    while (left := [process for process in processes if process.alive]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def send(process: Identity, sign: signal.Signals) -> None:
    """Send a signal to this process, and to no other that has its number."""
    with suppress(ProcessLookupError, PermissionError):
        handle = os.pidfd_open(
            process.pid
        )  # holds on to whoever has the number now: who that is cannot change any more
        try:
            if process.alive:
                signal.pidfd_send_signal(handle, sign)
        finally:
            os.close(handle)
