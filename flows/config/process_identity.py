"""Identify processes: a pid is reused after its process has ended; a pid and its start time together are not."""

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
    """One process of this machine: its pid, its start time in clock ticks since boot, and the id of that boot."""

    pid: int
    started: int
    boot: str

    @property
    def alive(self) -> bool:
        """Whether this process, not another with its pid, still runs."""
        return identity(self.pid) == self


def identity(pid: int) -> Identity | None:
    """The process that has a pid now; None where it has ended, zombies included."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        boot = BOOT.read_text().strip()
    except OSError:
        return None
    return None if fields[STATE] == "Z" else Identity(pid, int(fields[START_TICKS]), boot)


def processes_with_mark(mark: str) -> Iterator[Identity]:
    """The processes of a stack, by the mark in their environment, without our own."""
    variable = f"{MARK}={mark}".encode()
    for folder in PROC.glob("[0-9]*"):
        pid = int(folder.name)
        with suppress(OSError):  # it has just ended, or is another user's
            is_member = pid != os.getpid() and variable in (folder / "environ").read_bytes().split(b"\0")
            if is_member and (process := identity(pid)):
                yield process


def variable_values(name: str, mark: str | None = None) -> Iterator[str]:
    """The values of a variable in the environments of all readable processes, or of those of a stack."""
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):
            variables = (folder / "environ").read_bytes().split(b"\0")
            if mark is None or f"{MARK}={mark}".encode() in variables:
                pairs = (variable.partition(b"=") for variable in variables)
                yield from (value.decode(errors="replace") for key, _, value in pairs if key == name.encode())


def end(processes: list[Identity], seconds: float) -> list[Identity]:
    """Terminate processes, and kill those that still run after `seconds`; returns those that were killed."""
    for process in processes:
        send(process, signal.SIGTERM)
    killed = _wait_for_end(processes, seconds)
    for process in killed:
        send(process, signal.SIGKILL)
    _wait_for_end(killed, KILL_SECONDS)
    return killed


def _wait_for_end(processes: list[Identity], seconds: float) -> list[Identity]:
    """Wait until all have ended or the time is up; returns those that still run."""
    deadline = time.monotonic() + seconds
    while (running := [process for process in processes if process.alive]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return running


def send(process: Identity, sign: signal.Signals) -> None:
    """Send a signal to this process, and to no other that has its pid."""
    with suppress(ProcessLookupError, PermissionError):
        handle = os.pidfd_open(
            process.pid
        )  # holds on to whoever has the number now: who that is cannot change any more
        try:
            if process.alive:
                signal.pidfd_send_signal(handle, sign)
        finally:
            os.close(handle)
