"""A part that dies or hangs is started again, with longer and longer pauses, and is given up when it is no use."""

import os
import signal
import sys
import threading
from dataclasses import dataclass, field

import pytest

from augmill.flows.config.process_identity import processes_with_mark
from augmill.flows.config.stack_state import ServiceState
from augmill.flows.servers.service import Health, Launch, Service, Unhealthy
from augmill.flows.stack import process_supervisor
from augmill.flows.stack.process_supervisor import ProcessSupervisor

WAIT = 60
SLEEP = "print('s3cret at http://me:hunter2@host/x', flush=True); import sys; sys.stdin.read()"


@dataclass
class Watching:
    """What a keeper tells; `until` waits for it."""

    states: list[ServiceState] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def hear(self, state):
        with self.changed:
            self.states.append(state)
            self.changed.notify_all()

    def until(self, phase, restarts=0):
        def seen():
            return [one for one in self.states if one.phase == phase and one.restarts == restarts]

        with self.changed:
            assert self.changed.wait_for(seen, WAIT), self.states
            return seen()[-1]


@pytest.fixture
def keep(tmp_path, monkeypatch):
    monkeypatch.setattr(process_supervisor, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(process_supervisor, "LONGEST_PAUSE_SECONDS", 0.1)
    running = []

    def keep(program, health=lambda age: Health()):
        watching = Watching()
        launch = Launch([sys.executable, "-c", program])
        part = Service("trial", "Trial", None, launch, health)
        running.append(ProcessSupervisor(part, tmp_path, "trial-mark", watching.hear, watching.said.append))
        running[-1].start()
        return running[-1], watching

    yield keep
    for one in running:
        one.stop()
        one.join(WAIT)


def test_it_is_up_when_it_is_well_and_leaves_nothing_when_stopped(keep, tmp_path):
    one, watching = keep(SLEEP)
    state = watching.until("up")
    assert state.process.alive
    one.stop()
    assert not state.process.alive
    assert list(processes_with_mark("trial-mark")) == []
    assert watching.said == []


def test_its_output_is_kept_without_the_credentials_in_it(keep, tmp_path):
    one, watching = keep(SLEEP)
    watching.until("up")
    one.stop()
    one.join(WAIT)
    log = tmp_path / "trial.log"
    for thread in threading.enumerate():
        if thread.name.startswith("log of trial"):
            thread.join(WAIT)
    assert log.read_text() == "s3cret at http://REDACTED@host/x\n"


def test_one_that_is_killed_is_started_again_and_says_so(keep):
    _, watching = keep(SLEEP)
    first = watching.until("up")
    os.kill(first.process.pid, signal.SIGKILL)
    again = watching.until("up", restarts=1)
    assert again.process.alive
    assert again.process != first.process
    assert "Trial has died (signal 9); it is started again in 0.1 s" in watching.said[0]
    assert watching.said[1] == "Trial is up again"


def test_children_of_one_that_was_killed_do_not_stay(keep):
    parent = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    )
    _, watching = keep(parent + SLEEP)
    first = watching.until("up")
    assert len(list(processes_with_mark("trial-mark"))) == 2
    os.kill(first.process.pid, signal.SIGKILL)
    watching.until("up", restarts=1)
    groups = {os.getpgid(one.pid) for one in processes_with_mark("trial-mark")}
    assert len(groups) == 1
    assert first.process.pid not in groups


def test_one_that_lives_and_does_not_answer_is_started_again(keep, monkeypatch):
    monkeypatch.setattr(process_supervisor, "HUNG_SECONDS", 0.5)
    hanging = threading.Event()

    def health(age):
        if hanging.is_set():
            raise Unhealthy("no answer in 5 s")
        return Health()

    _, watching = keep(SLEEP, health)
    first = watching.until("up")
    hanging.set()
    watching.until("restarting", restarts=1)
    hanging.clear()
    watching.until("up", restarts=1)
    assert not first.process.alive
    assert "Trial does not answer (no answer in 5 s)" in watching.said[0]


def test_one_that_dies_again_and_again_is_given_up(keep):
    one, watching = keep("import sys; sys.exit(3)")
    state = watching.until("failed", restarts=process_supervisor.ATTEMPTS - 1)
    assert (state.process, state.reason) == (None, "has died (exit code 3)")
    assert watching.said[-1].startswith(
        f"Trial has died (exit code 3) {process_supervisor.ATTEMPTS} times, and is given up."
    )
    one.join(WAIT)
    assert not one.is_alive()


def test_the_log_stays_within_its_bounds(tmp_path, monkeypatch, keep):
    monkeypatch.setattr(process_supervisor, "LOG_BYTES", 1000)
    one, watching = keep("print('x' * 99 + '\\n' * 1, end='') or [print('y' * 99) for _ in range(200)]\n" + SLEEP)
    watching.until("up")
    one.stop()
    for thread in threading.enumerate():
        if thread.name.startswith("log of trial"):
            thread.join(WAIT)
    files = sorted(tmp_path.glob("trial.log*"))
    assert [file.name for file in files] == [
        "trial.log",
        *(f"trial.log.{n + 1}" for n in range(process_supervisor.LOGS_KEPT)),
    ]
    assert sum(file.stat().st_size for file in files) <= 1000 * (process_supervisor.LOGS_KEPT + 1)


def test_one_whose_answers_make_no_sense_is_started_again_and_given_up(keep, monkeypatch):
    monkeypatch.setattr(process_supervisor, "START_SECONDS", 0.3)

    def health(age):
        raise KeyError("status")

    _, watching = keep(SLEEP, health)
    assert "another program does" in watching.until("failed", restarts=process_supervisor.ATTEMPTS - 1).reason


def test_one_that_cannot_be_started_is_given_up_with_the_reason(keep, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    _, watching = keep(SLEEP)
    reason = watching.until("failed", restarts=process_supervisor.ATTEMPTS - 1).reason
    assert reason == "cannot be started ([Errno 2] No such file or directory: '/no/such/python')"
