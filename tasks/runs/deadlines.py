"""How long a stage may take: one that hangs ends its run, with what is done kept and nothing half published.

An alarm wakes the main thread from whatever Python waits for there (workers, sockets, locks) and raises. What cannot
be woken - a call into C that never returns, a thread that holds the pool open - is given `grace_seconds` to end by
itself; then the process is given up, which no lock and no thread can prevent.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from augmill.policies.errors import StorageError

GRACE_SECONDS = 60.0
_AGAIN_SECONDS = 5.0  # should a library have swallowed the first alarm

Limits = Mapping[str, float]
"""Seconds by stage; those of `default` hold for every stage that is not named."""
GiveUp = Callable[[StorageError], None]


class Deadlines:
    """The limits of one run; leaving it means that the run has ended, with all its workers.

    `give_up` is called, in a thread of its own, just before a process that cannot be woken is ended with exit code 4.
    """

    def __init__(self, limits: Limits, give_up: GiveUp, grace_seconds: float = GRACE_SECONDS) -> None:
        self.limits, self.give_up, self.grace_seconds = limits, give_up, grace_seconds
        self.ended = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        self.ended.set()

    @contextmanager
    def within(self, stage: str) -> Iterator[None]:
        """Raise StorageError in the block once it has taken too long. Alarms reach the main thread alone."""
        seconds = self.limits.get(stage, self.limits.get("default"))
        if seconds is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        over, done = overdue(stage, seconds), threading.Event()
        watch = threading.Thread(target=self._watch, args=(over, seconds, done), daemon=True)

        def ring(*_: object) -> None:
            raise over

        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_SECONDS)
        watch.start()
        try:
            yield
            done.set()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _watch(self, over: StorageError, seconds: float, done: threading.Event) -> None:
        """End the process where neither the stage nor, after the alarm, the run comes to its end."""
        if done.wait(seconds) or self.ended.wait(self.grace_seconds):
            return
        self.give_up(over)
        os._exit(StorageError.exit_code)


def overdue(stage: str, seconds: float) -> StorageError:
    """What a stage that took too long ends with; another try would only take as long again."""
    return StorageError(
        f"the stage {stage} has not ended within {seconds:,.0f} s.",
        "Run again: finished work is kept. If it hangs again, look at its storage and workers; if it needs that long, "
        f"set AUGMILL_STAGE_SECONDS, such as {stage}={seconds * 4:.0f}.",
    )


def unlimited() -> Deadlines:
    """For runs that nobody limits."""
    return Deadlines({}, _nobody_is_told)


def _nobody_is_told(_: Any) -> None:
    """Without limits nothing is ever given up."""
