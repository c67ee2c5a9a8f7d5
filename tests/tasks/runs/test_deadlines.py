"""Stages that take too long end; what cannot be woken ends its process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from augmill.policies.errors import StorageError
from augmill.tasks.runs import deadlines as module
from augmill.tasks.runs.deadlines import Deadlines, unlimited


def nobody(fault: StorageError) -> None:
    raise AssertionError(f"given up: {fault}")


def test_a_stage_that_hangs_is_woken_and_its_fault_is_final_and_says_what_to_do():
    with (
        pytest.raises(StorageError, match=r"stage augment has not ended within 1 s") as caught,
        Deadlines({"augment": 1.0, "default": 1e6}, nobody) as limits,
        limits.within("augment"),
    ):
        threading.Event().wait(60)
    assert not caught.value.transient
    assert "AUGMILL_STAGE_SECONDS, such as augment=4" in caught.value.remedy


def test_a_stage_in_time_leaves_no_alarm_behind():
    before = signal.getsignal(signal.SIGALRM)
    with Deadlines({"default": 0.3}, nobody, grace_seconds=0.1) as limits:
        with limits.within("ingest"):
            pass
        time.sleep(0.6)  # longer than limit and grace together
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


def test_an_alarm_that_a_library_swallows_rings_again(monkeypatch):
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.1)
    swallowed = []

    def work(limits: Deadlines) -> None:
        with limits.within("fit"):
            try:
                threading.Event().wait(60)
            except StorageError as fault:
                swallowed.append(fault)
            threading.Event().wait(60)

    with Deadlines({"default": 0.1}, nobody) as limits, pytest.raises(StorageError):
        work(limits)
    assert len(swallowed) == 1


def test_without_limits_and_off_the_main_thread_nothing_is_bounded():
    ended = []

    def work() -> None:
        with Deadlines({"default": 0.01}, nobody) as limits, limits.within("fit"):
            time.sleep(0.1)
            ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with unlimited().within("fit"):
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0
    assert ended == [True]


HANGS = """
import signal, sys, threading
from augmill.tasks.runs.deadlines import Deadlines
def last_word(fault): print(fault.cause, flush=True)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})  # as deaf as a call into C that never returns
with Deadlines({"default": 0.2}, last_word, grace_seconds=0.2) as limits:
    with limits.within("verify"):
        threading.Event().wait(120)
"""
HELD_OPEN = """
import sys, threading
from contextlib import suppress
from augmill.tasks.runs.deadlines import Deadlines
def last_word(fault): print(fault.cause, flush=True)
with Deadlines({"default": 0.2}, last_word, grace_seconds=0.2) as limits:
    try:
        with limits.within("verify"):
            threading.Event().wait(120)
    finally:
        threading.Event().wait(120)  # a pool of threads that waits for one that hangs
"""


@pytest.mark.parametrize("program", [HANGS, HELD_OPEN])
def test_a_process_that_cannot_be_woken_is_given_up_with_a_last_word(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (4, "the stage verify has not ended within 0 s.\n"), done.stderr
