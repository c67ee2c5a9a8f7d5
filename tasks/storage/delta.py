"""A dataset's Delta table: published in one transaction or not at all, and read as of any version.

Files are written first, by workers; `publish` checks that each is there, whole, and commits their names. Two
publishers that start from one version end as one winner and one `Conflict`, never as a mixture.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from augmill.policies.errors import DataError, PolicyError, StorageError
from augmill.tasks.rows.provenance import ORIGIN, PARTITIONS, SPLIT
from augmill.tasks.storage import delta_commit, delta_log, delta_schema
from augmill.tasks.storage.delta_commit import Change, Conflict, FileEntry, NewFile
from augmill.tasks.storage.error_mapping import engine_text, redact
from augmill.tasks.storage.store import Store

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["Conflict", "FileEntry", "NewFile", "Snapshot", "Table"]

_READS_AT_ONCE = 8


@dataclass(frozen=True)
class Snapshot:
    """A published version: its files (sorted by path), its columns and the metadata of its commit."""

    version: int
    at_ms: int
    files: tuple[FileEntry, ...]
    schema: pa.Schema
    metadata: Mapping[str, str]

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)


@dataclass(frozen=True)
class Table:
    """A Delta table that may not exist yet. Nothing is remembered between calls."""

    store: Store
    partitions: tuple[str, ...] = PARTITIONS

    def __post_init__(self) -> None:
        if re.search("%[0-9a-fA-F]{2}", self.store.uri):
            # deltalake 1.6 writes such a path as it is, and reads it decoded: two different folders.
            raise PolicyError(f"{redact(self.store.uri)} holds a percent escape", "rename the folder without the %")

    def versions(self) -> list[int]:
        """Every published version, in order."""
        return delta_log.versions(self.store)

    def current(self) -> Snapshot | None:
        """The latest version, or None where nothing was published yet."""
        versions = self.versions()
        return self._load(versions[-1]) if versions else None

    def snapshot(self, version: int) -> Snapshot:
        """A version as it was published. Raises PolicyError if there is none of that number."""
        versions = self.versions()
        if version not in versions:
            offer = f"ask for one of {versions[0]} to {versions[-1]}" if versions else "nothing was published there yet"
            raise PolicyError(f"{redact(self.store.uri)} has no version {version}", offer)
        return self._load(version)

    def history(self) -> list[delta_log.Commit]:
        """Every commit, newest first. Read from the log: the engine's own `history` holds the GIL meanwhile."""
        newest_first = reversed(self.versions())
        with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
            return list(pool.map(lambda version: delta_log.commit(self.store, version), newest_first))

    def file_uris(self, version: int) -> list[str]:
        """Paths or `s3://` URIs of a version's files, for any reader of Parquet with hive partitions."""
        return [self.store.url(file.path) for file in self.snapshot(version).files]

    def read(
        self,
        version: int,
        columns: Sequence[str] | None = None,
        split: str | None = None,
        origin: str | None = None,
        batch_rows: int = 16_384,
    ) -> Iterator[pa.RecordBatch]:
        """Stream a version's rows, file by file in order of path, partition columns filled in."""
        snapshot = self.snapshot(version)
        schema = select(snapshot.schema, columns)
        for file in snapshot.files:
            if split in (None, file.partition.get(SPLIT)) and origin in (None, file.partition.get(ORIGIN)):
                yield from self.read_file(file, schema, batch_rows)

    def read_file(self, file: FileEntry, schema: pa.Schema, batch_rows: int = 16_384) -> Iterator[pa.RecordBatch]:
        """Stream one file in the columns of `schema`: one that it lacks is its partition's value, or null."""
        for batch in self.store.batches(file.path, schema.names, batch_rows, absent_ok=True):
            arrays = [_column(batch, field, file.partition) for field in schema]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def publish(
        self,
        expected_version: int | None,
        add: Sequence[NewFile],
        remove: Sequence[str],
        schema: pa.Schema,
        metadata: Mapping[str, str],
        *,
        at_ms: int,
    ) -> int:
        """Commit the version that follows `expected_version` (None: the table is new); returns its number.

        `schema`: all columns of the added files and the partition columns. `remove`: paths of the expected
        version. `metadata` must name the run: a commit whose answer was lost is recognised by it. Raises
        Conflict if the table has moved on, StorageError if an added file is missing or altered, DataError if
        a column changes its type while older files are kept. `at_ms`: now, in milliseconds since 1970.
        """
        latest = next(reversed(self.versions()), None)
        if latest != expected_version:
            raise delta_commit.conflict(self.store, expected_version, latest)
        delta_commit.check_files(self.store, add)
        fields = delta_schema.fields_of(schema)
        if expected_version is None:
            first = Change(0, tuple(add), (), dict(metadata), at_ms)
            delta_commit.create(self.store, self.partitions, first, fields)
            return 0
        engine = self._open(expected_version)
        present = {file.path: file for file in _files(engine)}
        removed_files = tuple(present[path] for path in remove)
        change = Change(expected_version + 1, tuple(add), removed_files, dict(metadata), at_ms)
        old = list(json.loads(engine.schema().to_json())["fields"])
        merged = delta_schema.merge(old, fields, self.partitions, files_kept=len(removed_files) < len(present))
        if merged == old:
            delta_commit.append(self.store, engine, change)
        else:
            delta_commit.widen(self.store, engine, change, merged)
        return change.version

    def _load(self, version: int) -> Snapshot:
        engine, commit = self._open(version), delta_log.commit(self.store, version)
        schema = pa.schema(engine.schema().to_arrow())
        return Snapshot(version, commit.at_ms, _files(engine), schema, commit.metadata)

    def _open(self, version: int) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        try:
            return DeltaTable(self.store.uri, version=version, storage_options=self.store.delta_options())
        except (DeltaError, OSError) as error:
            delta_log.commit(self.store, version)  # a store that refuses to be read says so itself, and why
            cause = f"cannot open version {version} of {redact(self.store.uri)}: {engine_text(error)}"
            raise StorageError(
                cause, "run again; if it stays, restore the _delta_log folder", transient=True
            ) from error


def select(schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    """The given columns of a schema, in the order asked for. Raises DataError if there is no such column."""
    if columns is None:
        return schema
    absent = [name for name in columns if name not in schema.names]
    if absent:
        raise DataError(
            f"this version has no column {', '.join(map(repr, absent))}", f"it has {', '.join(schema.names)}"
        )
    return pa.schema([schema.field(name) for name in columns])


def _files(engine: DeltaTable) -> tuple[FileEntry, ...]:
    prefix = "partition."
    rows = pa.table(engine.get_add_actions(flatten=True)).to_pylist()
    entries = (
        FileEntry(
            path=row["path"],
            bytes=row["size_bytes"],
            rows=row["num_records"] or 0,
            partition={key.removeprefix(prefix): value for key, value in row.items() if key.startswith(prefix)},
        )
        for row in rows
    )
    return tuple(sorted(entries, key=lambda entry: entry.path))


def _column(batch: pa.RecordBatch, field: pa.Field, partition: Mapping[str, str]) -> pa.Array:
    if field.name in batch.schema.names:
        return batch.column(field.name).cast(field.type)
    if field.name in partition:
        return pa.repeat(pa.scalar(partition[field.name], field.type), batch.num_rows)
    return pa.nulls(batch.num_rows, field.type)
