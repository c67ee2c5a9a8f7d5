"""Channels: names such as `stable` that point to a version, moved by compare-and-swap.

A channel is a folder of moves, `<channel>/00000001.json` and so on, each created only if its number is free;
the highest counts. Nothing is ever overwritten, so the history of a channel is complete, and of two movers
that saw the same state one wins and the other gets `Conflict`. Works the same on a folder and on S3.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from augmill.tasks.storage import json_objects
from augmill.tasks.storage.delta_commit import Conflict
from augmill.tasks.storage.error_mapping import redact
from augmill.tasks.storage.store import Store

PUBLISHED, PROMOTED, ROLLED_BACK = "published", "promoted", "rolled back"
"""Why a channel was moved."""


@dataclass(frozen=True)
class Move:
    """One move of a channel. `number` counts from 1; `at_ms`: milliseconds since 1970, as the caller says; `why`: what
    made it move, where nobody decided it."""

    number: int
    version: int
    at_ms: int
    reason: str
    run_id: str
    why: str = ""


def current(store: Store, channel: str) -> Move | None:
    """Where the channel points now, or None if it never pointed anywhere."""
    names = _names(store, channel)
    return _read(store, names[-1]) if names else None


def history(store: Store, channel: str) -> list[Move]:
    """Every move, newest first."""
    return [_read(store, name) for name in reversed(_names(store, channel))]


def since(store: Store, channel: str, number: int) -> list[Move]:
    """The moves after that number, and the last one in any case, oldest first."""
    names = _names(store, channel)
    new = [name for name in names if int(name.rpartition("/")[2].removesuffix(".json")) > number]
    return [_read(store, name) for name in new or names[-1:]]


def before(moves: Sequence[Move]) -> int | None:
    """The version to go back to, from a history newest first."""
    versions = trail(moves)
    return versions[-2] if len(versions) > 1 else None


def trail(moves: Sequence[Move]) -> list[int]:
    """The versions a channel has pointed to, its current one last; a rollback removes the versions it undid."""
    versions: list[int] = []
    for move in reversed(moves):
        if move.reason == ROLLED_BACK and move.version in versions:
            del versions[len(versions) - versions[::-1].index(move.version) :]
        elif versions[-1:] != [move.version]:
            versions.append(move.version)
    return versions


def channels(store: Store) -> list[str]:
    """Every channel that ever pointed anywhere, sorted."""
    return sorted({entry.name.split("/")[0] for entry in store.list() if entry.name.endswith(".json")})


def move(
    store: Store,
    channel: str,
    version: int,
    expected: Move | None,
    *,
    at_ms: int,
    reason: str,
    run_id: str,
    why: str = "",
) -> Move:
    """Point the channel to `version`, provided that its current move is still `expected`.

    Raises Conflict if someone has moved it since: look again, and decide again.
    """
    new_move = Move((expected.number if expected else 0) + 1, version, at_ms, reason, run_id, why)
    latest = current(store, channel)
    data = json.dumps(asdict(new_move), sort_keys=True).encode()
    if latest != expected or not store.create(f"{channel}/{new_move.number:08d}.json", data):
        latest = current(store, channel)
        points = f"version {latest.version} (run {latest.run_id})" if latest else "nothing"
        cause = f"cannot move {channel} of {redact(store.uri)}: it was moved meanwhile and points to {points}"
        raise Conflict(cause, "look at where it points now and decide again", transient=True)
    return new_move


def undo(store: Store, channel: str, move: Move) -> None:
    """Delete the caller's own move right after it was made, before anybody follows it."""
    store.delete(f"{channel}/{move.number:08d}.json")


def _names(store: Store, channel: str) -> list[str]:
    return [entry.name for entry in store.list(f"{channel}/") if entry.name.endswith(".json")]


def _read(store: Store, name: str) -> Move:
    return json_objects.read(
        store, name, Move, "restore the object from a backup, or delete it: the move before it then counts"
    )
