"""Retries: how often, how long, and of what."""

from types import SimpleNamespace

import pytest

from augmill.policies.errors import DataError, StorageError
from augmill.tasks.runners import shard


def failing(times, fault):
    calls = []

    def call():
        calls.append(len(calls))
        if len(calls) <= times:
            raise fault
        return len(calls)

    return call, calls


@pytest.fixture
def waits(monkeypatch):
    slept = []
    monkeypatch.setattr(shard, "time", SimpleNamespace(sleep=slept.append))
    return slept


def test_a_transient_fault_is_retried_with_waits_that_double_and_differ(waits):
    call, _ = failing(3, StorageError("slow", "Wait.", transient=True))
    assert shard.retried(call) == 4
    assert [0.1 * 2**n <= wait <= 0.3 * 2**n for n, wait in enumerate(waits)] == [True] * 3


def test_the_last_attempt_raises_what_it_met(waits):
    call, calls = failing(99, StorageError("slow", "Wait.", transient=True))
    with pytest.raises(StorageError, match="slow"):
        shard.retried(call)
    assert len(calls) == 4


@pytest.mark.parametrize("fault", [StorageError("denied", "Ask."), DataError("bad", "Mend."), ValueError("bug")])
def test_nothing_else_is_retried(fault, waits):
    call, calls = failing(1, fault)
    with pytest.raises(type(fault)):
        shard.retried(call)
    assert (len(calls), waits) == (1, [])


def test_out_of_memory_is_told_with_what_to_do():
    assert "fewer workers" in shard.to_user_error(MemoryError(), "part-1").remedy
