"""Whoever looks after the stack can be stopped at any time, also while a part does not come up."""

import os
import signal
import sys
import threading

from augmill.flows.config import stack_state
from augmill.flows.config.process_identity import processes_with_mark
from augmill.flows.servers.service import Launch, Service, Unhealthy
from augmill.flows.settings import settings
from augmill.flows.stack import stack_supervisor


def late(*_):
    raise TimeoutError("it goes on")


def test_a_start_that_comes_to_nothing_can_be_stopped(tmp_path, monkeypatch):
    def health(age):
        raise Unhealthy("no answer in 5 s")

    launch = Launch([sys.executable, "-c", "import sys; sys.stdin.read()"])
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path))
    monkeypatch.setattr(
        stack_supervisor, "_services", lambda *_: [Service("trial", "Trial", "http://x", launch, health)]
    )
    stack = stack_supervisor.Stack(settings(), "127.0.0.1", {}, print)
    signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    with stack_supervisor.signals_stop(stack):
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
        try:
            stack.start()
        finally:
            signal.alarm(0)
            stack.end()
    assert list(processes_with_mark(stack.mark)) == []
    assert stack_state.last_state(tmp_path) is None
