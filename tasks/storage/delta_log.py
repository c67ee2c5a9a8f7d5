"""The log of a Delta table as objects: which versions there are, what each commit says, and a commit of our own.

The engine (deltalake) writes every commit but one kind: it cannot change the columns and remove files in one
transaction. That one is written here, after the protocol (github.com/delta-io/delta, PROTOCOL.md, reader 1 and
writer 2): one JSON action per line, put in place only if its version number is free.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from augmill.policies.errors import StorageError
from augmill.tasks.storage.error_mapping import redact
from augmill.tasks.storage.store import Store

if TYPE_CHECKING:
    from deltalake import DeltaTable

_FOLDER = "_delta_log/"
_TRIAL = f"{_FOLDER}.trial"
_COMMIT = re.compile(r"^_delta_log/(\d{20})\.json$")


@dataclass(frozen=True)
class Commit:
    """What a commit says about itself. `at_ms`: milliseconds since 1970; `metadata`: the publisher's own."""

    version: int
    at_ms: int
    operation: str
    engine: str
    metadata: dict[str, str]
    added: tuple[str, ...]
    removed: tuple[str, ...]


def versions(store: Store) -> list[int]:
    """Every version that has a commit, in order; empty where there is no table."""
    matches = (_COMMIT.match(entry.name) for entry in store.list(_FOLDER))
    return [int(match.group(1)) for match in matches if match]


def name_of(version: int) -> str:
    """The object that holds the commit of a version."""
    return f"{_FOLDER}{version:020d}.json"


def commit(store: Store, version: int) -> Commit:
    """Read one commit."""
    try:
        actions = [json.loads(line) for line in store.read(name_of(version)).splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        cause = f"the log of {redact(store.uri)} is damaged at version {version}"
        raise StorageError(cause, f"restore {name_of(version)} from a backup") from error
    commit_info: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    return Commit(
        version=version,
        at_ms=int(commit_info.get("timestamp", 0)),
        operation=str(commit_info.get("operation", "")),
        engine=str(commit_info.get("engineInfo", "")),
        metadata=_metadata(commit_info.get("userMetadata")),
        added=tuple(action["add"]["path"] for action in actions if "add" in action),
        removed=tuple(action["remove"]["path"] for action in actions if "remove" in action),
    )


def pack(metadata: Mapping[str, str]) -> str:
    """The publisher's metadata as the one text field that every engine shows in a table's history."""
    return json.dumps(dict(metadata), sort_keys=True)


def info(at_ms: int, metadata: Mapping[str, str]) -> dict[str, Any]:
    """The `commitInfo` action of a commit of our own."""
    return {"timestamp": at_ms, "operation": "WRITE", "engineInfo": "augmill", "userMetadata": pack(metadata)}


def table_metadata(table: DeltaTable, schema_string: str) -> dict[str, Any]:
    """The `metaData` action that changes the columns of a table and nothing else."""
    metadata = table.metadata()
    return {
        "id": metadata.id,
        "name": metadata.name,
        "description": metadata.description,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema_string,
        "partitionColumns": metadata.partition_columns,
        "configuration": metadata.configuration,
        "createdTime": metadata.created_time,
    }


def write(store: Store, version: int, actions: Sequence[dict[str, Any]]) -> bool:
    """Commit the actions as `version`; False if that version exists."""
    lines = [json.dumps(action, separators=(",", ":")) for action in actions]
    return store.create(name_of(version), "\n".join(lines).encode())


def refuse_unwritable(store: Store) -> None:
    """Raise StorageError where the log's folder takes no new object, with the store's own reason and remedy.

    For after a failed commit of the engine, which tells a denied write from a lost answer in words only.
    """
    store.write(_TRIAL, bytes(4096))  # a page: a full disk still takes an empty file
    store.delete(_TRIAL)


def _metadata(text: object) -> dict[str, str]:
    # Other engines put free text here.
    try:
        value = json.loads(str(text))
    except ValueError:
        return {}
    return {str(key): str(part) for key, part in value.items()} if isinstance(value, dict) else {}
