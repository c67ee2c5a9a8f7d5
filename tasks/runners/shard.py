"""One shard on one worker: retried while the fault is transient, its failure given in one sentence."""

from __future__ import annotations

import logging
import random
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from augmill.policies.errors import AugmillError, StorageError
from augmill.tasks.runners.runner_contract import OnDone, name_of
from augmill.tasks.telemetry.context_propagation import WorkerLog, at_work, receive

T = TypeVar("T")
ATTEMPTS = 4
FIRST_WAIT_SECONDS = 0.2

log = logging.getLogger("augmill.runners")


@dataclass(frozen=True)
class Outcome:
    """What became of a shard: a result, or an error and the traceback it came with; and its spans and log lines."""

    seconds: float
    result: Any = None
    error: AugmillError | None = None
    traceback: str = ""
    cpu_seconds: float = 0.0
    worker_log: WorkerLog = field(default_factory=WorkerLog)


def retried(call: Callable[[], T], attempts: int = ATTEMPTS, first_wait_seconds: float = FIRST_WAIT_SECONDS) -> T:
    """Call until it returns or fails for good; a transient StorageError waits twice as long each time."""
    jitter = random.Random()  # noqa: S311 - a generator of its own: workers must not come back in step
    for attempt in range(1, attempts):
        try:
            return call()
        except StorageError as fault:
            if not fault.transient:
                raise
            log.warning("attempt %d of %d: %s", attempt, attempts, fault.cause)
            time.sleep(first_wait_seconds * 2 ** (attempt - 1) * jitter.uniform(0.5, 1.5))
    return call()


def run(function: Callable[[Any], Any], item: Any, name: str) -> Outcome:
    """Run one shard; never raises an Exception, so that what crosses to the flow can always be pickled.

    Nor does a plug-in that calls `sys.exit` end the run as if all were done.
    """
    start, cpu, worker_log = time.perf_counter(), time.process_time(), WorkerLog()
    try:
        with at_work(function, name, worker_log):
            result = retried(lambda: function(item))
        return Outcome(
            time.perf_counter() - start, result, cpu_seconds=time.process_time() - cpu, worker_log=worker_log
        )
    except (Exception, SystemExit) as fault:  # noqa: BLE001 - the worker's edge: everything becomes one message
        return replace(failed(fault, name, time.perf_counter() - start), worker_log=worker_log)


def failed(fault: BaseException, name: str, seconds: float) -> Outcome:
    """The outcome of a shard that raised; call it where the exception is handled."""
    return Outcome(seconds, error=to_user_error(fault, name), traceback=traceback.format_exc())


def to_user_error(fault: BaseException, name: str) -> AugmillError:
    """The error a user meets: our own unchanged, any other as one sentence that names the shard."""
    if isinstance(fault, AugmillError):
        return fault
    if isinstance(fault, MemoryError):
        return StorageError(f"{name} ran out of memory.", "Use fewer workers or a smaller AUGMILL_SHARD_ROWS.")
    if isinstance(fault, OSError):
        return StorageError(f"{name} failed: {fault}.", "Mend what it names (space, rights, network) and run again.")
    lines = str(fault).strip().splitlines() or [""]
    return AugmillError(
        f"{name} failed: {type(fault).__name__}: {lines[0]}",
        "This is a fault in augmill or in a plug-in; the traceback is in augmill.log in AUGMILL_HOME.",
    )


def killed(name: str, times: int, how: str) -> StorageError:
    """The error for a shard whose workers keep dying."""
    return StorageError(
        f"{name} killed its worker {times} times ({how}).",
        "Most often memory ran out: use fewer workers or a smaller AUGMILL_SHARD_ROWS. Else look at its rows.",
    )


def unwrap_outcome(outcome: Outcome) -> Any:
    """The result of a shard, or its error, raised here with the worker's traceback in the log."""
    receive(outcome.worker_log)
    if outcome.error is None:
        return outcome.result
    # A fault that nobody foresaw is worth a traceback; one with a remedy is not.
    log.log(logging.ERROR if type(outcome.error) is AugmillError else logging.DEBUG, "%s", outcome.traceback)
    raise outcome.error


def run_here(function: Callable[[Any], T], item: Any, index: int = 0, on_done: OnDone | None = None) -> T:
    """Run one shard in this process, by the same rules."""
    outcome = run(function, item, name_of(item, index))
    result = unwrap_outcome(outcome)
    if on_done:
        on_done(index, outcome.seconds, result)
    return cast(T, result)
