"""Channels move by compare-and-swap, and forget nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from augmill.policies.errors import StorageError
from augmill.tasks.storage.channels import Move, channels, current, history, move
from augmill.tasks.storage.delta import Conflict
from augmill.tasks.storage.store import Store


def go(store: Store, version: int, expected: Move | None, run: str = "run") -> Move:
    return move(store, "stable", version, expected, at_ms=7, reason="checks passed", run_id=run)


def test_a_channel_points_to_the_version_it_was_moved_to_last(store: Store) -> None:
    assert current(store, "stable") is None
    first = go(store, 4, None)
    second = go(store, 3, first, "rollback")
    assert current(store, "stable") == second == Move(2, 3, 7, "checks passed", "rollback")
    assert history(store, "stable") == [second, first]
    assert [entry.name for entry in store.list()] == ["stable/00000001.json", "stable/00000002.json"]


def test_channels_do_not_see_each_other(store: Store) -> None:
    go(store, 1, None)
    move(store, "stable-eu", 2, None, at_ms=7, reason="", run_id="r")
    assert channels(store) == ["stable", "stable-eu"]
    assert len(history(store, "stable")) == 1


@pytest.mark.parametrize("saw", [None, Move(1, 99, 7, "", "someone")])
def test_a_mover_who_saw_something_else_is_told_where_it_points(store: Store, saw: Move | None) -> None:
    first = go(store, 4, None, "winner")
    with pytest.raises(Conflict, match=r"points to version 4 \(run winner\)") as caught:
        go(store, 5, saw)
    assert caught.value.transient
    assert current(store, "stable") == first


def test_of_racing_movers_one_wins(store: Store) -> None:
    seen = None
    for turn in range(5):

        def race(racer: int, seen: Move | None = seen, turn: int = turn) -> Move | None:
            try:
                return go(store, turn, seen, f"racer {racer}")
            except Conflict:
                return None

        with ThreadPoolExecutor(6) as pool:
            won = [result for result in pool.map(race, range(6)) if result]
        assert len(won) == 1
        seen = current(store, "stable")
        assert seen == won[0]
    assert [one.number for one in history(store, "stable")] == [5, 4, 3, 2, 1]


def test_a_damaged_move_is_named(store: Store) -> None:
    store.write("stable/00000001.json", b'{"number": 1')
    with pytest.raises(StorageError, match=r"stable/00000001\.json is damaged"):
        current(store, "stable")
