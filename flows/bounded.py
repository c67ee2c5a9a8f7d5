"""Give something a few seconds, whatever it does: a server that drips, hangs or resolves no name holds nobody up."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, action: Callable[[], T]) -> T:
    """What the action returns or raises; TimeoutError if it does neither in time, and it is left to itself."""
    answers: list[T] = []
    faults: list[BaseException] = []

    def work() -> None:
        try:
            answers.append(action())
        except BaseException as fault:  # noqa: BLE001 - raised again where it is waited for
            faults.append(fault)

    context = contextvars.copy_context()  # the settings of Prefect are in it
    thread = threading.Thread(target=context.run, args=(work,), name="augmill-bounded", daemon=True)
    thread.start()
    thread.join(seconds)
    if faults:
        raise faults[0]
    if not answers:
        raise TimeoutError(f"no answer in {seconds:g} s")
    return answers[0]
