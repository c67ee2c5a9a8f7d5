"""Small JSON objects of ours that are written once and never changed: moves of channels, pins, measurements, marks."""

from __future__ import annotations

import json
from typing import TypeVar

from policies.errors import StorageError
from tasks.storage.faults import redact
from tasks.storage.store import Store

Kept = TypeVar("Kept")


def read(store: Store, name: str, kind: type[Kept], remedy: str) -> Kept:
    """The object as the dataclass it was written from. Raises StorageError with the remedy where it is damaged."""
    try:
        return kind(**json.loads(store.read(name)))
    except (ValueError, TypeError) as error:
        raise StorageError(f"{redact(store.url(name))} is damaged", remedy) from error
