"""Run an action with a time limit: a server that is slow, hangs or has no resolvable name blocks nothing."""

from __future__ import annotations

import atexit
import contextvars
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, TypeVar

T = TypeVar("T")

NAME = "augmill-bounded"
"""Prefix of the names of threads that may be abandoned."""

GRACE_SECONDS = 5.0
"""How long the end of a process that is not ours to end, such as Prefect's of a deployed run, waits for them."""


def run_with_timeout(seconds: float, action: Callable[[], T]) -> T:
    """What the action returns or raises; TimeoutError if it does neither in time, and its thread is abandoned."""
    answers: list[T] = []
    faults: list[BaseException] = []

    def work() -> None:
        try:
            answers.append(action())
        except BaseException as fault:  # noqa: BLE001 - raised again where it is waited for
            faults.append(fault)

    context = contextvars.copy_context()  # the settings of Prefect are in it
    thread = threading.Thread(target=context.run, args=(work,), name=NAME, daemon=True)
    thread.start()
    thread.join(seconds)
    if faults:
        raise faults[0]
    if not answers:
        raise TimeoutError(f"no answer in {seconds:g} s")
    return answers[0]


@atexit.register
def _wait_for_abandoned() -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    for thread in _abandoned_threads():
        thread.join(max(0.0, deadline - time.monotonic()))


def _abandoned_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]


def end_process(code: int) -> NoReturn:
    """End this process without waiting for abandoned threads.

    Where one is inside a library of C++ that comes back while Python ends, the process would be aborted and its exit
    code lost (until Python 3.14, which lets such a thread hang instead).
    """
    if _abandoned_threads():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)
