"""The Dask runner: killed workers, workers that are not like the flow, and a cluster that ends with its flow."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest
import runner_shards as shards
from distributed import Client, LocalCluster
from runner_flows import all_gone, kills, start, starts

from augmill.policies.errors import StorageError
from augmill.tasks.rows.fingerprint import fingerprint
from augmill.tasks.runners import dask
from augmill.tasks.runners.dask import Runner


def test_a_worker_killed_by_signal_9_costs_its_shards_in_flight_and_nothing_else(dask_client, tmp_path):
    work = [{**item, "seconds": 1.0} for item in kills(tmp_path, 7, 1)]  # by then the others are done
    with Runner(dask_client) as runner:
        assert runner.map(shards.kills_its_worker, work) == [f"part-{i}" for i in range(8)]
    assert starts(tmp_path) == {f"part-{i}": 2 if i == 7 else 1 for i in range(8)}


def test_a_shard_that_always_kills_its_worker_becomes_one_error_that_names_it(dask_client, tmp_path):
    with Runner(dask_client) as runner:
        with pytest.raises(StorageError, match="part-3 killed its worker 3 times"):
            runner.map(shards.kills_its_worker, kills(tmp_path, 3, 99))
        assert runner.map(shards.square, [{"value": 2}, {"value": 3}]) == [4, 9]
    assert starts(tmp_path)["part-3"] <= 3


def test_a_worker_unlike_the_flow_is_refused_before_work_starts(dask_client, monkeypatch):
    monkeypatch.setattr(dask, "fingerprint", lambda: {**fingerprint(), "numpy": "1.0.0"})
    with pytest.raises(StorageError, match=r"would not make the same bytes: numpy is \S+ there and 1\.0\.0 here"):
        Runner(dask_client).__enter__()


def test_a_worker_unlike_the_flow_that_joins_later_is_refused_with_its_first_shard(dask_client, monkeypatch):
    with Runner(dask_client) as runner:
        monkeypatch.setattr(dask, "fingerprint", lambda: {**fingerprint(), "cpu": "abacus"})
        with pytest.raises(StorageError, match="and abacus here"):
            runner.map(shards.square, [{"value": 1}])


def test_a_cluster_without_workers_is_told_and_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(dask, "PATIENCE_SECONDS", 0.2)
    with dask.local_client(0) as client, pytest.raises(StorageError, match=r"no Dask worker joined"):
        Runner(client).__enter__()


def test_opencv_keeps_to_one_thread_in_workers_whose_environment_is_not_ours(dask_client):
    with Runner(dask_client) as runner:
        assert runner.map(shards.opencv_threads, [{}, {}]) == [1, 1]


def test_every_worker_is_warm_before_its_first_shard(dask_client):
    with Runner(dask_client, partial(shards.warm_up, "WARM")) as runner:
        assert runner.map(shards.is_warm, [{"mark": "WARM", "seconds": 0.1}] * 8) == [True] * 8


def test_a_worker_that_cannot_be_warmed_up_works_all_the_same(dask_client):
    with Runner(dask_client, shards.fails_to_warm_up) as runner:
        assert runner.map(shards.square, [{"value": 2}, {"value": 3}]) == [4, 9]


def test_dask_keeps_its_files_where_it_is_told_and_its_log_to_itself(tmp_path, caplog):
    with (
        dask.set_up(tmp_path / "dask"),
        LocalCluster(n_workers=1, **dask.LOCAL_CLUSTER) as cluster,
        Client(cluster) as client,
        Runner(client) as runner,
    ):
        assert runner.map(shards.square, [{"value": 3}]) == [9]
        (home,) = client.run(lambda dask_worker: dask_worker.local_directory).values()
    assert Path(home).is_relative_to(tmp_path / "dask")
    assert [record.name for record in caplog.records if record.name.startswith("distributed")] == []


def test_the_code_of_the_tasks_is_part_of_what_workers_must_share():
    assert dask.identity()["augmill's code"] == dask.code_hash()


def test_a_flow_killed_by_signal_9_leaves_no_process_behind(tmp_path):
    flow, family = start("dask", "noun.local_client(2) as client, noun.Runner(client)", tmp_path)
    flow.kill()
    flow.wait()
    assert all_gone(family)


@pytest.mark.slow
def test_a_killed_worker_that_takes_long_to_come_back_is_not_given_up():
    with dask.local_client(1) as client, Runner(client) as runner:
        (nanny,) = client.cluster.workers.values()
        killed = nanny.process.pid
        os.kill(killed, signal.SIGKILL)
        while nanny.process is None or nanny.process.pid in (None, killed):
            time.sleep(0.01)
        started = nanny.process.pid
        os.kill(started, signal.SIGSTOP)
        time.sleep(20)  # Dask gives such a worker up after 15 s, unless it is told otherwise
        os.kill(started, signal.SIGCONT)
        assert runner.map(shards.square, [{"value": 3}]) == [9]
