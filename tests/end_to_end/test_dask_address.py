"""A run on somebody else's Dask cluster: a scheduler and workers that run already, each a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from distributed import Client

from tests.end_to_end.helpers import NOISE, ROOT, SMOTE, exactly, go, policy, table_of, table_rows, write_csv
from tests.fixtures_s3 import guarded

START_SECONDS = 60
QUIET = ("--no-dashboard", "--host", "127.0.0.1")


class Cluster:
    """Processes of `dask scheduler` and `dask worker`; all end with the context."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder, self.stack, self.file = folder, stack, folder / "scheduler.json"
        self.start("scheduler", "--port", "0", "--scheduler-file", str(self.file))
        wait_until(lambda: self.file.exists() and self.file.stat().st_size > 0, "the scheduler")
        self.address: str = json.loads(self.file.read_text())["address"]

    def worker(self) -> psutil.Process:
        """Start one worker, a process that nobody starts again, and return it."""
        guard = self.start("worker", self.address, "--nworkers", "1", "--nthreads", "1", "--no-nanny")
        return psutil.Process(guard).children()[0]

    def steps(self) -> int:
        """How much the scheduler has had to do so far."""
        with Client(self.address) as client:
            return client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)

    def start(self, what: str, *options: str) -> int:
        command = [sys.executable, "-m", "dask", what, *options, *QUIET]
        log = self.stack.enter_context((self.folder / f"{what}.log").open("ab"))
        guard = self.stack.enter_context(
            guarded(command, log, os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/infra/checkout"})
        )
        wait_until(lambda: psutil.Process(guard.pid).children() != [], what)
        return guard.pid


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with contextlib.ExitStack() as stack:
        yield Cluster(tmp_path_factory.mktemp("dask"), stack)


@pytest.fixture
def file(here, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy over a source of many shards, on a lake that nothing was published to yet."""
    for number in range(6):
        write_csv(here.folder / "data" / f"{number}.csv", table_rows(number * 40, 40))
    monkeypatch.setenv("AUGMILL_LAKE", str(here.folder / "new"))
    monkeypatch.setenv("AUGMILL_SHARD_ROWS", "12")
    monkeypatch.setenv("AUGMILL_DASK_ADDRESS", cluster.address)
    return policy(here.folder, "data/*.csv", SMOTE + NOISE)


def test_a_running_scheduler_gives_the_rows_of_threads_and_a_killed_worker_costs_its_shards_in_flight(
    here, cluster: Cluster, file: Path
) -> None:
    go(file, here.folder / "threads")
    staying, victim = cluster.worker(), cluster.worker()
    before = cluster.steps()
    made: dict[Path, int] = {}

    def kill_midway() -> None:
        wait_until(lambda: len(objects(here.folder / "new")) >= 30, "30 objects")
        made.update(objects(here.folder / "new"))
        victim.kill()

    killer = threading.Thread(target=kill_midway)
    killer.start()
    code, _, err = here.run(file, "--runner", "dask", "--json")
    killer.join()
    assert code == 0, err
    assert cluster.steps() > before + len(objects(here.folder / "new")), "the shards were not given to the scheduler"
    assert exactly(here.folder / "new") == exactly(here.folder / "threads")
    assert table_of(here.folder / "new").versions() == [0]
    after = objects(here.folder / "new")
    assert len(after) > len(made) + 20, "the worker was killed when all was done"
    # A piece of work is done when its descriptor is there; what the killed worker was at is made again.
    done = {path: at for path, at in made.items() if path.suffix == ".json"}
    assert len(done) > 5
    assert done.items() <= after.items(), "what had been made was made again"
    assert not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE
    assert staying.is_running(), "the cluster of somebody else was ended with the run"


def test_a_scheduler_that_is_away_is_one_message(here, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUGMILL_DASK_ADDRESS", "tcp://127.0.0.1:9")
    monkeypatch.setenv("AUGMILL_RUNNER", "dask")
    here.refused(file, 4, "tcp://127.0.0.1:9", "AUGMILL_DASK_ADDRESS")


def objects(lake: Path) -> dict[Path, int]:
    """The results of stages so far, and when each was put in place."""
    return {path: path.stat().st_mtime_ns for path in lake.rglob("work/*/*.*") if not path.name.startswith(".tmp-")}
