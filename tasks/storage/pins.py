"""Pins: versions that are to be retained, wherever the channels point.

A pin is a folder of changes, `<version>/00000001.json` and so on, each created only if its number is free; the
highest counts, and says whether the version is pinned. Nothing is overwritten: who pinned what, and when, stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from augmill.tasks.storage import json_objects
from augmill.tasks.storage.delta_commit import Conflict
from augmill.tasks.storage.error_mapping import redact
from augmill.tasks.storage.store import Store


@dataclass(frozen=True)
class Pin:
    """One change of a pin. `at_ms`: milliseconds since 1970, as the caller says."""

    version: int
    number: int
    pinned: bool
    note: str
    at_ms: int
    by: str


def pins(store: Store) -> dict[int, Pin]:
    """Every version that is pinned now."""
    latest = {change.version: change for change in _changes(store)}
    return {version: change for version, change in sorted(latest.items()) if change.pinned}


def change(store: Store, version: int, *, pinned: bool, note: str, at_ms: int, by: str) -> Pin:
    """Pin a version, or take its pin away. Raises Conflict if somebody else has changed it at the same moment."""
    last = max((pin.number for pin in _changes(store, version)), default=0)
    new_pin = Pin(version, last + 1, pinned, note, at_ms, by)
    name = f"{version}/{new_pin.number:08d}.json"
    if not store.create(name, json.dumps(asdict(new_pin), sort_keys=True).encode()):
        cause = f"cannot change the pin of version {version} in {redact(store.uri)}: somebody else has just done so"
        raise Conflict(cause, "look at the pins and decide again", transient=True)
    return new_pin


def _changes(store: Store, version: int | None = None) -> Iterator[Pin]:
    for entry in store.list("" if version is None else f"{version}/"):
        if entry.name.endswith(".json"):
            yield _read(store, entry.name)


def _read(store: Store, name: str) -> Pin:
    return json_objects.read(
        store, name, Pin, "restore the object from a backup, or delete it: the change before it then counts"
    )
