"""Give something a few seconds, whatever it does: a server that drips, hangs or resolves no name holds nobody up."""

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
"""What the names of threads begin with that may be left to themselves."""

GRACE_SECONDS = 5.0
"""How long the end of a process that is not ours to end, such as Prefect's of a deployed run, waits for them."""


def run_with_timeout(seconds: float, action: Callable[[], T]) -> T:
    """What the action returns or raises; TimeoutError if it does neither in time, and it is left to itself."""
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
def _wait_for_them() -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    for thread in _left():
        thread.join(max(0.0, deadline - time.monotonic()))


def _left() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]


def end_process(code: int) -> NoReturn:
    """End this process, and wait for no thread that was left to itself.

    Where one is inside a library of C++ that comes back while Python ends, the process would be aborted and its exit
    code lost (until Python 3.14, which lets such a thread hang instead).
    """
    if _left():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)
