"""Channels go forward on purpose and back in one command, and a rollback stays."""

import json

import pytest

from augmill.flows.cli import main
from augmill.flows.unchanged_run import move_channel
from augmill.policies.errors import DataError, PolicyError
from augmill.tasks.runs.request import resolve_request
from augmill.tasks.storage.store import Store
from augmill.tasks.versions.promotion import promote, rollback
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import DATASET, go, policy, table_rows, write_csv

WHEN = {"at_ms": 7, "run_id": "test"}


@pytest.fixture
def lake(tmp_path):
    """Three versions, each announced on `stable`."""
    for number in range(3):
        write_csv(tmp_path / "data" / f"{number}.csv", table_rows(100 * number, 40))
        go(policy(tmp_path, "data", "", publish="{channel: stable}"), tmp_path / "lake")
    return Lake(Store(str(tmp_path / "lake")))


def test_each_rollback_goes_one_version_further_back(lake):
    assert lake.channels(DATASET) == {"stable": 2}
    assert rollback(lake, DATASET, "stable", **WHEN)["version"] == 1
    assert rollback(lake, DATASET, "stable", **WHEN)["version"] == 0
    with pytest.raises(PolicyError, match="never pointed to an earlier version"):
        rollback(lake, DATASET, "stable", **WHEN)
    assert lake.channels(DATASET) == {"stable": 0}


def test_after_a_promotion_a_rollback_leads_to_where_the_channel_was(lake):
    rollback(lake, DATASET, "stable", **WHEN)
    assert promote(lake, lake.find(f"{DATASET}@2"), "stable", **WHEN)["version_before"] == 1
    assert rollback(lake, DATASET, "stable", **WHEN)["version"] == 1
    assert promote(lake, lake.find(f"{DATASET}@0"), "canary", **WHEN)["version_before"] is None
    assert lake.channels(DATASET) == {"stable": 1, "canary": 0}


def test_a_rollback_is_not_undone_by_a_run_that_finds_nothing_new(lake, tmp_path):
    rollback(lake, DATASET, "stable", **WHEN)
    file = tmp_path / "policy.yaml"
    move_channel(resolve_request(file, lake=lake.store.uri, home=tmp_path / "home"))
    assert go(file, tmp_path / "lake").skipped
    assert lake.channels(DATASET) == {"stable": 1}
    write_csv(tmp_path / "data" / "9.csv", table_rows(900, 40))
    go(file, tmp_path / "lake")
    assert lake.channels(DATASET) == {"stable": 3}


def test_promoting_what_a_channel_names_already_changes_nothing(lake):
    promote(lake, lake.find(DATASET), "stable", **WHEN)
    assert rollback(lake, DATASET, "stable", **WHEN)["version"] == 1


def test_a_version_whose_files_are_gone_is_not_promoted(lake):
    found = lake.find(f"{DATASET}@0")
    lake.store.sub(DATASET).delete(found.snapshot.files[0].path)
    with pytest.raises(DataError, match="files of made@0 are gone"):
        promote(lake, found, "canary", **WHEN)
    assert lake.channels(DATASET) == {"stable": 2}


@pytest.mark.parametrize("name", ["3", "../stable", "a/b", "", "Stable", "-x"])
def test_a_name_that_is_no_channel_is_refused(lake, name):
    with pytest.raises(PolicyError, match="is no name for a channel"):
        promote(lake, lake.find(DATASET), name, **WHEN)


def test_the_commands_say_what_training_jobs_read_now(lake, monkeypatch, capfd):
    monkeypatch.setenv("AUGMILL_LAKE", lake.store.uri)
    assert main(["rollback", DATASET]) == 0
    assert "made@stable is version 1: training jobs now read" in capfd.readouterr().out
    assert main(["promote", f"{DATASET}@2", "--to", "stable", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["version_before"] == 1
    assert main(["rollback", DATASET, "--channel", "canary"]) == 2
    assert main(["rollback", "nobody"]) == 2
    assert main(["promote", f"{DATASET}@9", "--to", "stable"]) == 2
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("reference", [f"{DATASET}@2", f"{DATASET}@stable", f"{DATASET}@"])
def test_to_roll_a_version_back_is_refused_with_the_way_to_name_a_channel(lake, monkeypatch, capfd, reference):
    monkeypatch.setenv("AUGMILL_LAKE", lake.store.uri)
    assert main(["rollback", reference]) == 2
    assert f"write {DATASET} --channel" in capfd.readouterr().err
    assert lake.channels(DATASET) == {"stable": 2}
