"""Which workers the shards of a run go to: threads, processes, or a Dask cluster that prefect-dask looks after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from augmill.flows.settings import RunnerName, Settings, one_thread_each
from augmill.policies.errors import StorageError
from augmill.tasks.runners.runner_contract import Runner, Warm

CONNECT_SECONDS = 15
SMALL_BYTES = 64 << 20


@contextmanager
def open_runner(settings: Settings, name: RunnerName | None = None, warm: Warm | None = None) -> Iterator[Runner]:
    """The runner of that name, by default the one of the settings; leaving ends its workers.

    Worker processes run `warm` before their first shard. Threads have imported what this process has.
    """
    one_thread_each()  # a scheduler that runs the flow has not gone through the command line
    kind = name or settings.runner
    if kind == "dask":
        with _dask(settings, warm) as cluster:
            yield cluster
    else:
        with _local(kind, settings.workers, warm) as pool:
            yield pool


def suited(name: RunnerName, size_bytes: int) -> RunnerName:
    """What `auto` stands for. Starting worker processes costs seconds; little work is done in fewer by threads."""
    if name != "auto":
        return name
    return "thread" if size_bytes < SMALL_BYTES else "process"


def _local(kind: RunnerName, workers: int, warm: Warm | None) -> Runner:
    from augmill.tasks.runners import process, thread

    return thread.Runner(workers) if kind == "thread" else process.Runner(workers, warm)


@contextmanager
def _dask(settings: Settings, warm: Warm | None) -> Iterator[Runner]:
    settings.home.mkdir(parents=True, exist_ok=True)  # or Prefect, imported here, warns
    from prefect_dask.task_runners import DaskTaskRunner

    from augmill.tasks.runners import dask as noun

    cluster = {"n_workers": settings.workers, **noun.LOCAL_CLUSTER}
    with noun.set_up(settings.home / "dask"):
        where = {"address": settings.dask_address} if settings.dask_address else {"cluster_kwargs": cluster}
        with DaskTaskRunner(client_kwargs={"timeout": CONNECT_SECONDS}, **where) as task_runner:
            try:
                client = task_runner.client
            except OSError as fault:
                raise StorageError(
                    f"the Dask scheduler at {settings.dask_address} does not answer: {fault}.",
                    "Start it, correct AUGMILL_DASK_ADDRESS, or unset it to use a local cluster.",
                ) from fault
            with noun.Runner(client, warm) as runner:
                yield runner
