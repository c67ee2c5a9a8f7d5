"""Which workers the shards of a run go to: threads, processes, or a Dask cluster that prefect-dask looks after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.settings import RunnerName, Settings
from policies.errors import StorageError
from tasks.runners.contract import Runner

CONNECT_SECONDS = 15


@contextmanager
def open_runner(settings: Settings, name: RunnerName | None = None) -> Iterator[Runner]:
    """The runner of that name, by default the one of the settings; leaving ends its workers."""
    kind = name or settings.runner
    if kind == "dask":
        with _dask(settings) as cluster:
            yield cluster
    else:
        with _local(kind, settings.workers) as pool:
            yield pool


def _local(kind: RunnerName, workers: int) -> Runner:
    from tasks.runners import process, thread

    return thread.Runner(workers) if kind == "thread" else process.Runner(workers)


@contextmanager
def _dask(settings: Settings) -> Iterator[Runner]:
    settings.home.mkdir(parents=True, exist_ok=True)  # or Prefect, imported here, warns
    import dask.config
    from prefect_dask.task_runners import DaskTaskRunner

    from tasks.runners import dask as noun

    cluster = {"n_workers": settings.workers, **noun.LOCAL_CLUSTER}
    with dask.config.set(noun.CONFIG):
        where = {"address": settings.dask_address} if settings.dask_address else {"cluster_kwargs": cluster}
        with DaskTaskRunner(client_kwargs={"timeout": CONNECT_SECONDS}, **where) as task_runner:
            try:
                client = task_runner.client
            except OSError as fault:
                raise StorageError(
                    f"the Dask scheduler at {settings.dask_address} does not answer: {fault}.",
                    "Start it, correct AUGMILL_DASK_ADDRESS, or unset it to use a local cluster.",
                ) from fault
            with noun.Runner(client) as runner:
                yield runner
