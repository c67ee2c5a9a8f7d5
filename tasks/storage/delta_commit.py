"""The three kinds of commit that publish a version: the first, one that adds and removes files, one that widens.

Each takes a version number that nobody may have taken before; who comes second gets `Conflict`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from augmill.policies.errors import StorageError
from augmill.tasks.storage import delta_log, delta_schema
from augmill.tasks.storage.error_mapping import engine_text, redact
from augmill.tasks.storage.store import Store, Written

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, CommitProperties

# Every published version stays readable until someone decides otherwise: no engine may expire the log by
# itself (the default is 30 days) nor vacuum files that an older version needs (the default is 7 days).
_CONFIGURATION = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
_CHECKS_AT_ONCE = 8


class Conflict(StorageError):
    """Someone else published first: read the table again, plan again, publish again."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _conflict, (self.cause, self.remedy)


def _conflict(cause: str, remedy: str) -> Conflict:
    return Conflict(cause, remedy, transient=True)


def conflict(store: Store, expected: int | None, actual: int | None) -> Conflict:
    """The error for a table whose version changed after the run was planned."""
    was = "empty" if expected is None else f"at version {expected}"
    now = "empty" if actual is None else f"at version {actual}"
    cause = f"cannot publish to {redact(store.uri)}: the table was {was} when this run planned, and is {now} now"
    return _conflict(cause, "run again: the run plans anew on what the other one published")


@dataclass(frozen=True)
class NewFile:
    """A data file that was written under the table's folder and is to be published."""

    path: str
    bytes: int
    sha256: str
    rows: int
    partition: Mapping[str, str]

    @classmethod
    def of(cls, written: Written, partition: Mapping[str, str]) -> NewFile:
        """The file that `Store.write_table` has written, with its partition values."""
        return cls(written.name, written.bytes, written.sha256, written.rows, dict(partition))


@dataclass(frozen=True)
class FileEntry:
    """A data file of a published version; `path` is relative to the table's folder."""

    path: str
    bytes: int
    rows: int
    partition: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """All that one commit does, except changes of columns. `at_ms`: milliseconds since 1970."""

    version: int
    add: tuple[NewFile, ...]
    remove: tuple[FileEntry, ...]
    metadata: Mapping[str, str]
    at_ms: int


def check_files(store: Store, files: Sequence[NewFile]) -> None:
    """Raise StorageError unless every file is there with its bytes: Delta would commit a missing one."""
    with ThreadPoolExecutor(_CHECKS_AT_ONCE) as pool:
        for _ in pool.map(lambda file: _check_file(store, file), files):
            pass


def create(store: Store, partitions: Sequence[str], change: Change, fields: delta_schema.Fields) -> None:
    """Commit version 0."""
    from deltalake import Schema
    from deltalake.transaction import create_table_with_add_actions

    def commit() -> None:
        create_table_with_add_actions(
            store.uri,
            Schema.from_json(delta_schema.as_json(fields)),
            _additions(change),
            mode="error",
            partition_by=list(partitions),
            configuration=_CONFIGURATION,
            storage_options=store.delta_options(),
            commit_properties=_properties(change),
        )

    _settle(store, change, commit)


def append(store: Store, table: DeltaTable, change: Change) -> None:
    """Commit added and removed files; the columns stay as they are."""
    from deltalake.transaction import RemoveAction

    def commit() -> None:
        removals = [
            RemoveAction(file.path, True, change.at_ms, file.bytes, dict(file.partition)) for file in change.remove
        ]
        table.create_write_transaction(
            [*_additions(change), *removals],
            mode="append",
            schema=table.schema(),
            partition_by=table.metadata().partition_columns,
            commit_properties=_properties(change),
        )

    _settle(store, change, commit)


def widen(store: Store, table: DeltaTable, change: Change, fields: delta_schema.Fields) -> None:
    """Commit new columns together with added and removed files, which the engine cannot do in one transaction."""
    protocol = table.protocol()
    if protocol.min_reader_version > 1 or protocol.min_writer_version > 2:
        cause = f"the columns of {redact(store.uri)} change, and another engine has upgraded the table's protocol"
        raise StorageError(cause, "add the new columns with that engine (ALTER TABLE ADD COLUMNS), then run again")
    if not delta_log.write(store, change.version, _widening(table, change, fields)):
        raise_unless_ours(store, change, None)


def _widening(table: DeltaTable, change: Change, fields: delta_schema.Fields) -> list[dict[str, Any]]:
    return [
        {"commitInfo": delta_log.info(change.at_ms, change.metadata)},
        {"metaData": delta_log.table_metadata(table, delta_schema.as_json(fields))},
        *({"add": _addition(file, change.at_ms)} for file in change.add),
        *({"remove": _removal(file, change.at_ms)} for file in change.remove),
    ]


def _addition(file: NewFile, at_ms: int) -> dict[str, Any]:
    return {
        "path": file.path,
        "partitionValues": dict(file.partition),
        "size": file.bytes,
        "modificationTime": at_ms,
        "dataChange": True,
        "stats": _stats(file),
    }


def _removal(file: FileEntry, at_ms: int) -> dict[str, Any]:
    return {
        "path": file.path,
        "deletionTimestamp": at_ms,
        "dataChange": True,
        "extendedFileMetadata": True,
        "partitionValues": dict(file.partition),
        "size": file.bytes,
    }


def _additions(change: Change) -> list[AddAction]:
    from deltalake.transaction import AddAction

    return [
        AddAction(file.path, file.bytes, dict(file.partition), change.at_ms, True, _stats(file)) for file in change.add
    ]


def _stats(file: NewFile) -> str:
    return json.dumps({"numRecords": file.rows})


def _properties(change: Change) -> CommitProperties:
    from deltalake.transaction import CommitProperties

    # With the default number of retries, two commits from one version both succeed, and mix.
    return CommitProperties(
        custom_metadata={"userMetadata": delta_log.pack(change.metadata)},
        max_commit_retries=0,
    )


def _settle(store: Store, change: Change, commit: Callable[[], None]) -> None:
    from deltalake.exceptions import DeltaError

    try:
        commit()
    except (DeltaError, OSError) as error:
        # The engine's errors are texts. What the log now holds tells a lost race from a lost answer and a fault.
        raise_unless_ours(store, change, error)


def raise_unless_ours(store: Store, change: Change, error: Exception | None) -> None:
    """Return if the log holds this very change as its version; else raise Conflict, or why nothing was written."""
    latest = next(reversed(delta_log.versions(store)), None)
    if latest is None or latest < change.version:
        delta_log.refuse_unwritable(store)
        cause = f"cannot publish to {redact(store.uri)}: {engine_text(error)}"
        raise StorageError(cause, "nothing was published; run again", transient=True) from error
    commit = delta_log.commit(store, change.version)
    same_files = {file.path for file in change.add} == set(commit.added)
    if not (same_files and dict(commit.metadata) == dict(change.metadata)):
        raise conflict(store, change.version - 1 if change.version else None, latest) from error


def _check_file(store: Store, file: NewFile) -> None:
    again = "run again: the shard is made anew"
    if not store.exists(file.path):
        raise StorageError(f"cannot publish {redact(store.url(file.path))}: the file is gone", again)
    if store.sha256(file.path) != file.sha256:
        raise StorageError(f"cannot publish {redact(store.url(file.path))}: its bytes are not those written", again)
