"""The thread runner: shards share this process."""

import os

import pytest
import runner_shards as shards

from augmill.policies.errors import DataError
from augmill.tasks.runners.thread import Runner


def test_shards_run_in_this_process():
    with Runner(2) as runner:
        assert set(runner.map(shards.process_id, [{}] * 4)) == {os.getpid()}


def test_what_has_not_started_is_dropped_after_a_failure():
    started = []

    def fail_first(item):
        started.append(item)
        raise DataError("no", "Stop.")

    with Runner(1) as runner, pytest.raises(DataError):
        runner.map(fail_first, list(range(1000)))
    assert len(started) < 1000
