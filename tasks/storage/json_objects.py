"""Small JSON objects that augmill stores: moves of channels, pins, measurements, marks, manifests, records."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, TypeVar

from augmill.policies.errors import StorageError
from augmill.tasks.storage.error_mapping import redact
from augmill.tasks.storage.store import Store

Stored = TypeVar("Stored")
RESTORE = "restore it from a backup"


def read(store: Store, name: str, kind: type[Stored], remedy: str) -> Stored:
    """The object as the dataclass it was written from. Raises StorageError with the remedy where it is damaged."""
    fields = value(store, name, remedy)
    try:
        return kind(**fields)
    except TypeError as error:
        raise _damaged(store, name, remedy) from error


def document(store: Store, name: str, remedy: str = RESTORE, keys: Collection[str] = ()) -> dict[str, Any]:
    """The object as a map that has these keys. Raises as `read` does."""
    mapping = value(store, name, remedy)
    if not isinstance(mapping, dict) or not mapping.keys() >= set(keys):
        raise _damaged(store, name, remedy)
    return mapping


def value(store: Store, name: str, remedy: str = RESTORE) -> Any:
    """The object as whatever JSON it holds. Raises as `read` does."""
    try:
        return json.loads(store.read(name))
    except (ValueError, RecursionError) as error:
        raise _damaged(store, name, remedy) from error


def _damaged(store: Store, name: str, remedy: str) -> StorageError:
    return StorageError(f"{redact(store.url(name))} is damaged", remedy)
