"""Versions that cannot be read any more: one object each, written before the first of their files is removed.

So a removal that was killed midway never leaves a version that looks complete, and the next removal finishes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from augmill.policies.errors import DataError
from augmill.tasks.storage import json_objects
from augmill.tasks.storage.store import Store

VACUUMED, PURGED = "vacuumed", "purged"
_EXPLANATIONS = {
    VACUUMED: ("vacuum has removed its files", " To make it again, run its policy on the data of that time."),
    PURGED: ("its files held rows that were to be forgotten", ""),
}


@dataclass(frozen=True)
class Gone:
    """Why and when the files of a version were removed. `at_ms`: milliseconds since 1970, as the caller says."""

    version: int
    reason: str
    at_ms: int
    by: str


def gone(store: Store) -> dict[int, Gone]:
    """The tombstone of every removed version, by version, in order."""
    tombstones = [_read(store, entry.name) for entry in store.list() if entry.name.endswith(".json")]
    return {tombstone.version: tombstone for tombstone in sorted(tombstones, key=lambda entry: entry.version)}


def mark(store: Store, tombstone: Gone) -> None:
    """Record that a version was removed; an existing tombstone is not overwritten."""
    store.create(_name(tombstone.version), json.dumps(asdict(tombstone), sort_keys=True).encode())


def unmark(store: Store, version: int) -> None:
    """Delete the tombstone, before any file of the version was removed."""
    store.delete(_name(version))


def refuse(dataset: str, version: int, tombstones: Mapping[int, Gone], live: str) -> None:
    """Raise DataError if the version is gone, saying why; `live` names what can be read instead."""
    tombstone = tombstones.get(version)
    if tombstone is not None:
        why, advice = _EXPLANATIONS[tombstone.reason]
        raise DataError(
            f"{dataset}@{version} is gone: {why}",
            f"{live}{advice}",
            {"version": version, "reason": tombstone.reason},
        )


def _name(version: int) -> str:
    return f"{version:08d}.json"


def _read(store: Store, name: str) -> Gone:
    return json_objects.read(store, name, Gone, "restore it from a backup: files of that version are removed")
