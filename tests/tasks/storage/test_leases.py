"""Runs and cleanings keep out of each other's way, on a folder and on a bucket, and the dead do not count."""

from types import SimpleNamespace

import pytest

from augmill.policies.errors import StorageError
from augmill.tasks.storage import leases
from augmill.tasks.storage.leases import CLEANING, RUNS, held


def test_whoever_comes_second_sees_the_first(store):
    with held(store, RUNS, "a run") as run:
        with held(store, CLEANING, "a vacuum") as cleaning:
            assert [sign.about for sign in cleaning.others(RUNS)] == ["a run"]
            assert [sign.about for sign in run.others(CLEANING)] == ["a vacuum"]
            assert cleaning.others(CLEANING) == [], "its own sign is not another's"
        assert run.others(CLEANING) == []
    assert list(store.list()) == []


def test_a_run_waits_for_a_cleaning_to_end_and_says_so_if_it_does_not(store, monkeypatch):
    monkeypatch.setattr(leases, "_LOOK_SECONDS", 60.0)
    monkeypatch.setattr(leases, "time", SimpleNamespace(sleep=lambda _: None))
    with (
        held(store, CLEANING, "a vacuum"),
        held(store, RUNS, "a run") as run,
        pytest.raises(StorageError, match="is being cleaned by a vacuum"),
    ):
        run.wait_for(CLEANING)
    with held(store, RUNS, "a run") as run:
        run.wait_for(CLEANING)


def test_a_sign_that_is_no_longer_renewed_is_removed(store, monkeypatch):
    store.write("runs/dead.json", b'{"about": "killed"}')
    with held(store, CLEANING, "a vacuum") as cleaning:
        assert [sign.about for sign in cleaning.others(RUNS)] == ["killed"]
        monkeypatch.setattr(leases, "ALIVE_SECONDS", -1.0)
        assert cleaning.others(RUNS) == []
    assert list(store.list()) == []


def test_a_sign_is_written_again_while_its_owner_lives(store, monkeypatch):
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.02)
    with held(store, RUNS, "a run") as run:
        store.delete(run.name)
        for _ in range(500):
            if store.exists(run.name):
                break
            leases.time.sleep(0.01)
        assert store.exists(run.name)
