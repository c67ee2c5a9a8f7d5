"""Keep one part running: start it, wait until it is well, start it again if it dies or hangs, give up in the end."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from logging.handlers import RotatingFileHandler
from pathlib import Path

from augmill.flows.config.process_identity import MARK, identity
from augmill.flows.config.stack_state import PartState
from augmill.flows.servers.service import NotWell, Part, answer_of, start

LOG_BYTES, LOGS_KEPT = 5_000_000, 3
LOOK_SECONDS = 0.2
CHECK_SECONDS = 5.0
START_SECONDS = 180.0  # a cold start takes 30 s on a machine with other work to do
HUNG_SECONDS = 60.0
SETTLED_SECONDS = 60.0  # one that ran well for so long has not failed to start
ATTEMPTS = 5
LONGEST_PAUSE_SECONDS = 30.0
STOP_SECONDS = 10.0


class Keeper(threading.Thread):
    """A thread that looks after one part; `told` hears of every change, `say` what a person should know."""

    def __init__(
        self, part: Part, logs: Path, mark: str, told: Callable[[PartState], None], say: Callable[[str], None]
    ) -> None:
        super().__init__(name=f"keeper of {part.name}", daemon=True)
        self.part, self.log, self.mark, self.told, self.say = part, logs / f"{part.name}.log", mark, told, say
        self.state = PartState(part.name, "starting", part.address)
        self.stopping = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Until told to stop, or until it is no use."""
        if self.part.launch is None:
            self._change(phase="elsewhere")
            return
        failures = 0
        while not self.stopping.is_set():
            began = time.monotonic()
            reason = self._once()
            if self.stopping.is_set():
                return
            failures = 1 if time.monotonic() - began > SETTLED_SECONDS else failures + 1
            if failures >= ATTEMPTS:
                self._give_up(reason)
                return
            pause = min(2.0 ** (failures - 1), LONGEST_PAUSE_SECONDS)
            self.say(f"{self.part.title} {reason}; it is started again in {pause:g} s. See {self.log}")
            self._change(phase="restarting", process=None, restarts=self.state.restarts + 1, reason=reason)
            self.stopping.wait(pause)

    def stop(self) -> None:
        """End the process, in order if it will, and the thread."""
        self.stopping.set()
        process = self.process
        if process is None or process.returncode is not None:
            return
        if process.stdin:
            process.stdin.close()  # is its signal to end
        deadline = time.monotonic() + STOP_SECONDS
        while not _has_ended(process) and time.monotonic() < deadline:
            time.sleep(0.05)
        self._end_group(process)

    def kill(self) -> None:
        """End the process now."""
        self.stopping.set()
        if self.process and self.process.returncode is None:
            self._end_group(self.process)

    def _once(self) -> str:
        """Start the process and stay with it; returns why it is no more."""
        try:
            self.process = process = self._start()
        except OSError as fault:
            return f"cannot be started ({fault})"
        self._change(process=identity(process.pid), since=time.time())
        began = time.monotonic()
        well, checked = began, began - CHECK_SECONDS
        while not self.stopping.wait(LOOK_SECONDS):
            if _has_ended(process):
                return f"has died ({_ending(self._end_group(process))})"
            now = time.monotonic()
            pause = CHECK_SECONDS if self.state.phase == "up" else LOOK_SECONDS
            if now - checked < pause:
                continue
            reason = self._unwell(now - began)
            checked = time.monotonic()
            if reason is None:
                well = checked
            elif checked - well > (HUNG_SECONDS if self.state.phase == "up" else START_SECONDS):
                self._end_group(process)
                return f"does not answer ({reason})"
        return "was stopped"

    def _unwell(self, age: float) -> str | None:
        try:
            answer_of(self.part.health, age)
        except NotWell as fault:
            return str(fault)
        if self.state.phase != "up":
            if self.state.restarts:
                self.say(f"{self.part.title} is up again")
            self._change(phase="up", reason="")
        return None

    def _start(self) -> subprocess.Popen[bytes]:
        ours, theirs = os.pipe()
        try:
            process = start(self.part.launch, theirs, **{MARK: self.mark})  # type: ignore[arg-type]
        finally:
            os.close(theirs)
        name = f"log of {self.part.name}"
        threading.Thread(target=_keep_log, args=(ours, self.log), name=name, daemon=True).start()
        return process

    def _give_up(self, reason: str) -> None:
        if self.part.listener:  # nobody will accept any more: let callers fail instead of wait
            self.part.listener.close()
        self.say(f"{self.part.title} {reason} {ATTEMPTS} times, and is given up. See {self.log}")
        self._change(phase="failed", process=None, since=None, reason=reason)

    def _change(self, **what: object) -> None:
        self.state = replace(self.state, **what)  # type: ignore[arg-type]
        self.told(self.state)

    @staticmethod
    def _end_group(process: subprocess.Popen[bytes]) -> int:
        """Kill what is left of its group, for children of one that was killed hold its port; returns its exit code."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.stdin:
            process.stdin.close()
        return process.wait()


class _Log(RotatingFileHandler):
    """A file that is turned over when it is full; a full disk must not stop who writes."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Lose the line."""


def log_file(file: Path) -> logging.Handler:
    """A log that stays within LOG_BYTES and the LOGS_KEPT before it."""
    return _Log(file, maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, delay=True)


def _keep_log(pipe: int, file: Path) -> None:
    """Copy lines into the log, without the credentials in them."""
    from augmill.tasks.sanitize.redact import redact_text

    log = log_file(file)
    with os.fdopen(pipe, "rb") as lines:
        for line in lines:
            text = redact_text(line.decode(errors="replace").rstrip("\n"))
            log.handle(logging.LogRecord("", logging.INFO, "", 0, text, None, None))
    log.close()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has; its number stays its own until `wait`, so that its group can still be named by it."""
    if process.returncode is not None:
        return True
    with suppress(ChildProcessError):
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return True


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
