"""Shard functions live in `runner_shards.py`, a module that worker processes can import as well."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from augmill.tasks.runners import dask, process, thread
from augmill.tasks.runners.runner_contract import Runner

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def dask_client():
    with dask.local_client(2) as client:
        thread = client.cluster._loop_runner._loop_thread
        yield client
        if thread._exception is not None:  # closing would only say that the loop is closed, not what ended it
            raise thread._exception


@pytest.fixture(params=["thread", "process", "dask"])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    made = dask.Runner(request.getfixturevalue("dask_client")) if request.param == "dask" else None
    with made or {"thread": thread.Runner, "process": process.Runner}[request.param](2) as opened:
        yield opened
