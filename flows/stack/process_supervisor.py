"""Keep one service running: start it, wait until it is healthy, restart it if it dies or hangs, at last give up."""

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
from augmill.flows.config.stack_state import ServiceState
from augmill.flows.servers.service import Service, Unhealthy, checked_health, start

LOG_BYTES, LOGS_KEPT = 5_000_000, 3
LOOK_SECONDS = 0.2
CHECK_SECONDS = 5.0
START_SECONDS = 180.0  # a cold start takes 30 s on a machine with other work to do
HUNG_SECONDS = 60.0
SETTLED_SECONDS = 60.0  # one that ran well for so long has not failed to start
ATTEMPTS = 5
LONGEST_PAUSE_SECONDS = 30.0
STOP_SECONDS = 10.0


class ProcessSupervisor(threading.Thread):
    """A thread that supervises one service; `on_change` gets every new state, `say` messages for a person."""

    def __init__(
        self,
        service: Service,
        logs: Path,
        mark: str,
        on_change: Callable[[ServiceState], None],
        say: Callable[[str], None],
    ) -> None:
        super().__init__(name=f"supervisor of {service.name}", daemon=True)
        self.service, self.log, self.mark, self.on_change, self.say = (
            service,
            logs / f"{service.name}.log",
            mark,
            on_change,
            say,
        )
        self.state = ServiceState(service.name, "starting", service.address)
        self.stopping = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Restart the service until told to stop, or until it failed too often."""
        if self.service.launch is None:
            self._change(phase="elsewhere")
            return
        failures = 0
        while not self.stopping.is_set():
            began = time.monotonic()
            reason = self._run_process()
            if self.stopping.is_set():
                return
            failures = 1 if time.monotonic() - began > SETTLED_SECONDS else failures + 1
            if failures >= ATTEMPTS:
                self._give_up(reason)
                return
            pause = min(2.0 ** (failures - 1), LONGEST_PAUSE_SECONDS)
            self.say(f"{self.service.title} {reason}; it is started again in {pause:g} s. See {self.log}")
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

    def _run_process(self) -> str:
        """Start the process and watch it; returns why it ended."""
        try:
            self.process = process = self._start()
        except OSError as fault:
            return f"cannot be started ({fault})"
        self._change(process=identity(process.pid), since=time.time())
        began = time.monotonic()
        well, checked = began, began - CHECK_SECONDS
        while not self.stopping.wait(LOOK_SECONDS):
            if _has_ended(process):
                return f"has died ({_exit_text(self._end_group(process))})"
            now = time.monotonic()
            pause = CHECK_SECONDS if self.state.phase == "up" else LOOK_SECONDS
            if now - checked < pause:
                continue
            reason = self._check_health(now - began)
            checked = time.monotonic()
            if reason is None:
                well = checked
            elif checked - well > (HUNG_SECONDS if self.state.phase == "up" else START_SECONDS):
                self._end_group(process)
                return f"does not answer ({reason})"
        return "was stopped"

    def _check_health(self, age: float) -> str | None:
        try:
            checked_health(self.service.health, age)
        except Unhealthy as fault:
            return str(fault)
        if self.state.phase != "up":
            if self.state.restarts:
                self.say(f"{self.service.title} is up again")
            self._change(phase="up", reason="")
        return None

    def _start(self) -> subprocess.Popen[bytes]:
        read_end, write_end = os.pipe()
        try:
            process = start(self.service.launch, write_end, **{MARK: self.mark})  # type: ignore[arg-type]
        finally:
            os.close(write_end)
        name = f"log of {self.service.name}"
        threading.Thread(target=_copy_to_log, args=(read_end, self.log), name=name, daemon=True).start()
        return process

    def _give_up(self, reason: str) -> None:
        if self.service.listener:  # nobody will accept any more: let callers fail instead of wait
            self.service.listener.close()
        self.say(f"{self.service.title} {reason} {ATTEMPTS} times, and is given up. See {self.log}")
        self._change(phase="failed", process=None, since=None, reason=reason)

    def _change(self, **what: object) -> None:
        self.state = replace(self.state, **what)  # type: ignore[arg-type]
        self.on_change(self.state)

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


def _copy_to_log(pipe: int, file: Path) -> None:
    """Copy lines into the log, without the credentials in them."""
    from augmill.tasks.sanitize.redact import redact_text

    log = log_file(file)
    with os.fdopen(pipe, "rb") as lines:
        for line in lines:
            text = redact_text(line.decode(errors="replace").rstrip("\n"))
            log.handle(logging.LogRecord("", logging.INFO, "", 0, text, None, None))
    log.close()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; its pid stays reserved until `wait`, so that it still names its process group."""
    if process.returncode is not None:
        return True
    with suppress(ChildProcessError):
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return True


def _exit_text(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
