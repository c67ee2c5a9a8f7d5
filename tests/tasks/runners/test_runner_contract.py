"""Laws that hold for every runner: thread, process and Dask."""

import pytest
import runner_shards as shards

from augmill.policies.errors import AugmillError, DataError, StorageError
from augmill.tasks.runners import runner_contract


def items(count, **more):
    return [{"name": f"part-{index}", "value": index, **more} for index in range(count)]


def test_results_come_in_the_order_of_the_items_whatever_finishes_first(runner):
    work = [{"value": value, "seconds": 0.2 if value == 0 else 0.0} for value in range(6)]
    assert runner.map(shards.square, work) == [0, 1, 4, 9, 16, 25]


def test_a_runner_serves_one_map_after_another_and_an_empty_one(runner):
    assert [runner.map(shards.square, items(count)) for count in (3, 0, 1)] == [[0, 1, 4], [], [0]]


def test_every_shard_is_reported_once_with_its_seconds_and_result(runner):
    seen = []
    runner.map(shards.square, items(4), on_done=lambda index, seconds, result: seen.append((index, seconds, result)))
    assert sorted((index, result) for index, _, result in seen) == [(0, 0), (1, 1), (2, 4), (3, 9)]
    assert all(seconds >= 0.0 for _, seconds, _ in seen)


def test_an_error_of_ours_crosses_unchanged(runner):
    with pytest.raises(DataError, match="class 3 has one row") as caught:
        runner.map(shards.bad_data, items(3))
    assert caught.value.report == {"rows": [7]}


def test_any_other_error_is_one_message_that_names_the_shard_and_a_traceback_in_the_log(runner, caplog):
    with pytest.raises(AugmillError) as caught:
        runner.map(shards.bug, items(3))
    assert "part-" in caught.value.cause
    assert "ValueError: not what was expected" in caught.value.cause
    assert "\n" not in caught.value.cause
    assert "in bug" in caplog.text


def test_a_full_disk_is_a_storage_error(runner):
    with pytest.raises(StorageError, match="No space left on device"):
        runner.map(shards.full_disk, items(2))


def test_a_runner_is_usable_after_a_failure(runner):
    with pytest.raises(DataError):
        runner.map(shards.bad_data, items(4))
    assert runner.map(shards.square, items(3)) == [0, 1, 4]


def test_a_transient_fault_is_tried_again(runner, tmp_path):
    work = items(2, folder=str(tmp_path), failures=2, transient=True)
    assert runner.map(shards.fails_transiently, work) == ["part-0", "part-1"]
    assert [len((tmp_path / item["name"]).read_text()) for item in work] == [3, 3]


def test_a_fault_that_is_not_transient_is_final(runner, tmp_path):
    with pytest.raises(StorageError, match="the store is slow"):
        runner.map(shards.fails_transiently, items(1, folder=str(tmp_path), failures=1, transient=False))
    assert (tmp_path / "part-0").read_text() == "x"


def test_heavy_shards_start_first():
    assert runner_contract.heaviest_first([1, 5, 3, 5], float) == [1, 3, 2, 0]
    assert runner_contract.heaviest_first(["b", "a"], None) == [0, 1]


def test_a_shard_without_a_name_goes_by_its_number():
    assert runner_contract.name_of({"name": "part-3"}, 7) == "part-3"
    assert runner_contract.name_of({"value": 1}, 7) == runner_contract.name_of(1, 7) == "shard 7"
