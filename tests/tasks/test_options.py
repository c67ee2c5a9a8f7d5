"""Stages that fail under a real Prefect server: which are tried again, how often, and after how long."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from prefect import flow, settings, task

from augmill.policies.errors import DataError, PolicyError, StorageError
from augmill.tasks.options import STAGE
from augmill.tasks.storage.delta import Conflict


@pytest.fixture(autouse=True)
def server(prefect_server):
    with settings.temporary_settings({settings.PREFECT_API_URL: prefect_server.api_url}):
        yield


def tries(fault, times, monkeypatch):
    """How often a stage is called that fails so many times, with the waits that its engine would have made."""
    from prefect import task_engine

    waits, calls = [], []
    monkeypatch.setattr(task_engine, "time", SimpleNamespace(**vars(time) | {"sleep": waits.append}))

    @task(**STAGE)
    def stage():
        calls.append(None)
        if len(calls) <= times:
            raise fault

    @flow
    def stages():
        stage()

    stages(return_state=True)
    return len(calls), waits


def test_a_transient_fault_is_tried_twice_more_with_waits_that_double_and_differ(monkeypatch):
    away = StorageError("the store is away", "Wait.", transient=True)
    assert tries(away, 1, monkeypatch)[0] == 2
    calls, waits = tries(away, 9, monkeypatch)
    assert calls == 3
    first, second = waits
    assert 1.0 <= first <= 3.0
    assert 2.0 <= second <= 6.0
    assert tries(away, 9, monkeypatch)[1] != waits


@pytest.mark.parametrize(
    "fault",
    [
        StorageError("the disk is full", "Free space."),
        DataError("bad rows", "Mend them."),
        PolicyError("wrong", "Mend it."),
        Conflict("another run has published", "Plan again.", transient=True),
        KeyError("a bug"),
    ],
)
def test_nothing_else_is_tried_again(monkeypatch, fault):
    assert tries(fault, 9, monkeypatch) == (1, [])
