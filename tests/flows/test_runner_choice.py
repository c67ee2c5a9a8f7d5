"""Which workers a run gets, and what they have been told before their first shard."""

import os

from augmill.flows.runner_choice import open_runner
from augmill.flows.settings import ONE_THREAD, settings


def thread_counts(item):
    return [os.environ.get(name) for name in ONE_THREAD]


def test_numerical_libraries_get_one_thread_in_a_worker_process(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "7")
    with open_runner(settings(), "process") as workers:
        assert workers.map(thread_counts, [1, 2]) == [["1"] * len(ONE_THREAD)] * 2
