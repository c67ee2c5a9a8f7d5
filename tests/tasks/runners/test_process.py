"""The process runner: what a killed worker costs, and what is left when the flow itself is killed."""

import os
import signal
from functools import partial

import psutil
import pytest
import runner_shards as shards
from runner_flows import all_gone, kills, start, starts

from augmill.policies.errors import AugmillError, StorageError
from augmill.tasks.runners.process import Runner


def test_a_worker_killed_by_signal_9_costs_its_shard_in_flight_and_nothing_else(tmp_path):
    with Runner(2) as runner:
        assert runner.map(shards.kills_its_worker, kills(tmp_path, 3, 2)) == [f"part-{i}" for i in range(8)]
    assert starts(tmp_path) == {f"part-{i}": 3 if i == 3 else 1 for i in range(8)}


def test_a_shard_that_always_kills_its_worker_becomes_one_error_that_names_it(tmp_path):
    with Runner(2) as runner:
        with pytest.raises(StorageError, match=r"part-3 killed its worker 3 times \(signal 9\)"):
            runner.map(shards.kills_its_worker, kills(tmp_path, 3, 99))
        assert runner.map(shards.square, [{"value": 2}, {"value": 3}]) == [4, 9]
    assert starts(tmp_path)["part-3"] == 3


def test_a_worker_killed_while_idle_costs_nothing():
    with Runner(2) as runner:
        before = set(runner.map(shards.process_id, [{}] * 4))
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        assert runner.map(shards.square, [{"value": value} for value in range(4)]) == [0, 1, 4, 9]


def test_leaving_ends_every_worker():
    with Runner(2) as runner:
        workers = set(runner.map(shards.process_id, [{}] * 20))
    assert os.getpid() not in workers
    assert not any(psutil.pid_exists(pid) for pid in workers)


def test_one_shard_alone_runs_in_the_calling_process():
    with Runner(2) as runner:
        assert runner.map(shards.process_id, [{}]) == [os.getpid()]
        assert runner.pool == {}


def test_workers_are_started_at_once_and_warm_before_their_first_shard():
    with Runner(2, partial(shards.warm_up, "WARM")) as runner:
        assert len(runner.pool) == 2
        assert runner.map(shards.is_warm, [{"mark": "WARM"}] * 4) == [True] * 4
    assert "WARM" not in os.environ


def test_a_worker_that_takes_the_place_of_a_dead_one_is_warm_as_well(tmp_path):
    with Runner(2, partial(shards.warm_up, "WARM")) as runner:
        runner.map(shards.kills_its_worker, kills(tmp_path, 0, 2, count=2))
        assert runner.map(shards.is_warm, [{"mark": "WARM"}] * 4) == [True] * 4


@pytest.mark.parametrize("warm", [shards.fails_to_warm_up, partial(shards.warm_up, 7)])
def test_a_worker_that_cannot_be_warmed_up_works_all_the_same(warm):
    with Runner(2, warm) as runner:
        assert runner.map(shards.square, [{"value": 2}, {"value": 3}]) == [4, 9]


def test_a_result_that_cannot_be_pickled_is_an_error_and_not_a_dead_worker():
    with Runner(2) as runner, pytest.raises(AugmillError, match="pickle"):
        runner.map(shards.not_picklable, [{}, {}])


def test_a_flow_killed_by_signal_9_leaves_no_process_behind(tmp_path):
    flow, family = start("process", "noun.Runner(2)", tmp_path)
    flow.kill()
    flow.wait()
    assert all_gone(family)


def test_ctrl_c_ends_a_flow_and_its_workers(tmp_path):
    flow, family = start("process", "noun.Runner(2)", tmp_path)
    os.killpg(flow.pid, signal.SIGINT)
    assert flow.wait(20) == -signal.SIGINT
    assert all_gone(family)
    assert (tmp_path / "log").read_text().count("KeyboardInterrupt") == 1  # the flow's own, none of a worker
