"""Shards on a Dask cluster: one that runs elsewhere, or a local one; only small descriptors pass its scheduler."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from augmill.policies.errors import StorageError
from augmill.tasks.rows.fingerprint import differences, fingerprint
from augmill.tasks.runners import shard
from augmill.tasks.runners.runner_contract import Item, OnDone, Result, Warm, Weight, in_order, name_of

if TYPE_CHECKING:
    from distributed import Client

DEATHS_ALLOWED = 3
PATIENCE_SECONDS = 60
LOCAL_CLUSTER = {
    "threads_per_worker": 1,
    "host": "127.0.0.1",
    "dashboard_address": "127.0.0.1:0",  # none would be port 8787 on every interface
    "scheduler_kwargs": {"dashboard": False},
    "silence_logs": 50,
}
CONFIG = {
    "distributed.scheduler.allowed-failures": DEATHS_ALLOWED - 1,  # one more makes a KilledWorker
    "distributed.scheduler.no-workers-timeout": f"{PATIENCE_SECONDS} s",
    # A shard that waits on a worker is blamed for its death as well; so none waits there.
    "distributed.scheduler.worker-saturation": 1.0,
    # A killed worker that is not back within 15 s would be given up for good, and a busy machine takes longer.
    "distributed.deploy.lost-worker-timeout": "1 day",
    # Ctrl-C reaches every process of a terminal's foreground; it is for the flow, which then ends its workers.
    "distributed.worker.preload": ["augmill.tasks.runners.dask_worker"],
}
"""How a cluster of our own is set up: one process per core, on loopback, no dashboard."""


class Runner:
    """Shards on the workers of a Dask client, which is not closed here; see `runner_contract.Runner`."""

    def __init__(self, client: Client, warm: Warm | None = None) -> None:
        self.client = client
        self.warm = warm
        self.workers = 0
        self.cpu_seconds = 0.0
        self.warming: list[Any] = []

    def __enter__(self) -> Self:
        self.workers = admit(self.client)
        if self.warm is not None:
            workers = self.client.nthreads()
            self.warming = [self.client.submit(_quietly, self.warm, workers=[worker], pure=False) for worker in workers]
        return self

    def __exit__(self, *fault: object) -> None:
        """Cancels the warm-up calls; the caller that opened the client closes it."""
        self.client.cancel(self.warming)

    def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        weight: Weight | None = None,
        on_done: OnDone | None = None,
    ) -> list[Result]:
        """See `runner_contract.Runner.map`. Dask runs a shard again when its worker dies, three times at most."""
        from distributed import as_completed

        run_shard = partial(run, function, identity())
        order = in_order(items, weight)
        futures = self.client.map(run_shard, [item for _, item, _ in order], [name for _, _, name in order], pure=False)
        started = {future: index for future, (index, _, _) in zip(futures, order, strict=True)}
        results: dict[int, Result] = {}
        loop = self.client.loop  # else it asks for a default client, which prefect-dask does not set
        try:
            for future, value in as_completed(futures, loop=loop, with_results=True, raise_errors=False):
                index = started.pop(future)
                future.release()  # or Dask would make it again when the worker that holds it dies
                outcome = _outcome(value, name_of(items[index], index))
                results[index] = shard.unwrap_outcome(outcome)
                self.cpu_seconds += outcome.cpu_seconds
                if on_done:
                    on_done(index, outcome.seconds, results[index])
        finally:
            self.client.cancel(list(started))
        return [results[index] for index in range(len(items))]


@contextmanager
def local_client(workers: int) -> Iterator[Client]:
    """A client of a local cluster, both of which end with the context, or with this process."""
    from distributed import Client, LocalCluster

    with (
        set_up(),
        LocalCluster(n_workers=workers, **LOCAL_CLUSTER) as cluster,
        # Nobody's default: prefect-dask would take it, and its cluster, for any run of this process, and close it.
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextmanager
def set_up(scratch: Path | None = None) -> Iterator[None]:
    """Dask as a run needs it: its files go to `scratch`, by default the system's folder, and its log is silenced.

    Faults of a worker come back with its shard. `silence_logs` stops Dask's own handlers only, and its loggers
    hand everything on to the root's, which are Prefect's.
    """
    import dask.config
    import distributed  # sets the levels of its loggers

    loggers = [logging.getLogger(name) for name in (distributed.__name__, "distributed.client")]
    levels = [logger.level for logger in loggers]
    with dask.config.set({**CONFIG, "temporary-directory": str(scratch) if scratch else None}):
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def run(function: Callable[[Any], Any], expected: dict[str, str], item: Any, name: str) -> shard.Outcome:
    """Run one shard on a Dask worker, which may have joined after the others were looked at."""
    mismatches = differences(expected, identity())
    return shard.Outcome(0.0, error=_unequal("a worker", mismatches)) if mismatches else shard.run(function, item, name)


def _quietly(warm: Warm) -> None:
    # What fails here fails again, and is told, in the first shard that needs it.
    with suppress(Exception):
        warm()


def admit(client: Client) -> int:
    """Wait for a worker, compare all of them with this process, and return how many threads they offer.

    Raises StorageError where there is none, where augmill is not installed, or where one would make other bytes.
    """
    try:
        client.wait_for_workers(1, timeout=PATIENCE_SECONDS)
    except TimeoutError as fault:
        raise StorageError(
            f"no Dask worker joined the scheduler within {PATIENCE_SECONDS} s.",
            "Start one: dask worker ADDRESS --nworkers 1 --nthreads 1 --nanny",
        ) from fault
    try:
        identities = client.run(identity)
    except ImportError as fault:
        raise StorageError(
            f"a Dask worker cannot import augmill: {fault}.", "Install the same version of augmill on every worker."
        ) from fault
    for worker, facts in identities.items():
        if mismatches := differences(identity(), facts):
            raise _unequal(worker, mismatches)
    return sum(client.nthreads().values())


@cache
def code_hash() -> str:
    """A hash of the code that makes rows, so that a worker with another version of it is found out."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def identity() -> dict[str, str]:
    """What a worker must have in common with the flow to make the same bytes."""
    return {**fingerprint(), "augmill's code": code_hash()}


def _unequal(worker: str, mismatches: list[str]) -> StorageError:
    return StorageError(
        f"{worker} would not make the same bytes: {'; '.join(mismatches)}.",
        "Give every worker the same versions and the same kind of processor as the flow.",
    )


def _outcome(value: Any, name: str) -> shard.Outcome:
    """What a shard returned, or the error for what Dask itself failed with: (type, error, traceback), or an error."""
    from distributed.scheduler import KilledWorker

    if isinstance(value, shard.Outcome):
        return value
    fault = value[1] if isinstance(value, tuple) else value
    if isinstance(fault, KilledWorker):
        raise shard.killed(name, DEATHS_ALLOWED, "Dask gave it up") from fault
    raise StorageError(
        f"{name} was lost by Dask: {fault}.", "See the logs of its scheduler and workers, and run again."
    ) from fault
