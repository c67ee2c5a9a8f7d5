"""Where tallies are kept: in the lake, one folder per dataset of numbered documents, of which the last counts.

Each is created only if its number is free, so of two runs that count at once one counts again on top of the other. A
writer that is killed leaves the tally as it was, or as it was to be.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from augmill.policies.errors import StorageError
from augmill.tasks.storage.delta_commit import Conflict
from augmill.tasks.storage.store import Aged, Store
from augmill.tasks.telemetry.counters import Counters, empty

FOLDER = ".telemetry"
"""The folder among our objects; no dataset can have this name."""

ATTEMPTS = 30
KEPT_SECONDS = 3600.0
"""A number stays taken for so long after a later one: a slow writer must not find it free, and count for nobody."""


def tallied(store: Store) -> list[str]:
    """Names of the datasets that have a tally, sorted; those that never published among them."""
    return sorted({entry.name.partition("/")[0] for entry in store.list() if entry.name.endswith(".json")})


def read(store: Store, dataset: str) -> Counters:
    """The tally of a dataset; an empty one where nothing was counted yet."""
    return _latest(store, dataset)[1]


def update(store: Store, dataset: str, change: Callable[[Counters], Counters]) -> tuple[Counters, Counters]:
    """Put `change(tally)` in the place of the tally; `change` may be called again if another was first. Returns the
    tally before and after."""
    for _ in range(ATTEMPTS):
        entries, tally = _latest(store, dataset)
        changed = change(tally)
        if changed == tally:
            return tally, tally
        data = json.dumps({**empty(), **changed}, sort_keys=True).encode()
        if store.create(f"{dataset}/{_number(entries) + 1:012d}.json", data):
            _clean(store, entries)
            return tally, changed
    raise Conflict(f"the tally of {dataset} is changed all the time", "the next run counts on", transient=True)


def _latest(store: Store, dataset: str) -> tuple[list[Aged], Counters]:
    """What is kept, oldest first, and the tally that counts."""
    for _ in range(ATTEMPTS):
        entries = [entry for entry in store.ages(f"{dataset}/") if entry.name.endswith(".json")]
        try:
            # One that is damaged counts as if its writer had been killed before it wrote.
            documents = (_document(store, entry.name) for entry in reversed(entries))
            return entries, next((document for document in documents if document is not None), empty())
        except StorageError:
            if all(store.exists(entry.name) for entry in entries):
                raise
    raise Conflict(f"the tally of {dataset} is changed all the time", "the next run counts on", transient=True)


def _clean(store: Store, entries: list[Aged]) -> None:
    for entry in entries[:-1]:
        if entries[-1].at - entry.at > KEPT_SECONDS:
            store.delete(entry.name)


def _number(entries: list[Aged]) -> int:
    return int(entries[-1].name.rpartition("/")[2].removesuffix(".json")) if entries else 0


def _document(store: Store, name: str) -> Counters | None:
    """A tally as it was written, or nothing where that is no tally any more."""
    try:
        counters = {**empty(), **json.loads(store.read(name))}
    except (ValueError, TypeError):
        return None
    same = all(
        isinstance(counters[key], type(value)) for key, value in empty().items() if isinstance(value, dict | list)
    )
    return counters if same else None
