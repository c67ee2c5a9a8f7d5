"""A folder or a bucket prefix of immutable objects, written whole or not at all.

One class serves both: local paths go through a temporary file, fsync and rename; S3 puts are atomic by
themselves. Faults of the outside world leave here as StorageError, with the URI and the remedy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

import pyarrow as pa

from augmill.policies.errors import PolicyError
from augmill.tasks.storage import parquet
from augmill.tasks.storage.error_mapping import redact, storage_errors
from augmill.tasks.storage.local import Folder
from augmill.tasks.storage.object_api import Objects


@dataclass(frozen=True)
class Entry:
    """One listed object."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Aged:
    """One listed object with the time of its last write, in seconds since 1970 by the clock of the store."""

    name: str
    bytes: int
    at: float


@dataclass(frozen=True)
class Written:
    """A Parquet object as it was written; `sha256` is of the file's bytes."""

    name: str
    bytes: int
    sha256: str
    rows: int


@dataclass(frozen=True)
class Store:
    """Objects under one URI: a local path or `s3://bucket/prefix`. Small, picklable, connects when first used."""

    uri: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "uri", _normal(self.uri))

    @property
    def is_s3(self) -> bool:
        """Whether the objects are in a bucket."""
        return self.uri.startswith("s3://")

    def sub(self, *parts: str) -> Store:
        """The store of a sub-folder."""
        return Store(self.url("/".join(parts)))

    def url(self, name: str = "") -> str:
        """The path or `s3://` URI of an object, as pandas, Polars and DuckDB take it."""
        if ".." in name.split("/") or name.startswith("/"):
            raise PolicyError(f"{name!r} points outside of {redact(self.uri)}", "use a plain relative name")
        return f"{self.uri.rstrip('/')}/{name}" if name else self.uri

    def exists(self, name: str) -> bool:
        """Whether the object is there."""
        return self._objects(name).exists(name)

    def size(self, name: str) -> int:
        """Bytes of the object."""
        return self._objects(name).size(name)

    def sha256(self, name: str) -> str:
        """Hash of the object's bytes, as stored now (not as remembered)."""
        return self._objects(name).sha256(name)

    def read(self, name: str) -> bytes:
        """All bytes of the object."""
        return self._objects(name).read(name)

    def open(self, name: str) -> BinaryIO:
        """The object as a seekable binary stream, to be closed by the caller."""
        return self._objects(name).open(name)

    def write(self, name: str, data: bytes) -> None:
        """Put the object in place, whole or not at all, over an older one if there is one."""
        self._objects(name).write(name, data)

    def create(self, name: str, data: bytes) -> bool:
        """Put the object in place unless the name is taken; False if it is. Of several writers one wins."""
        return self._objects(name).create(name, data)

    def delete(self, name: str) -> None:
        """Remove the object; nothing happens if it is not there."""
        self._objects(name).delete(name)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Every object whose name begins with `prefix`, sorted by name."""
        for name, size in self._objects(prefix).list(prefix):
            yield Entry(name, size)

    def ages(self, prefix: str = "") -> Iterator[Aged]:
        """The same with the time of each object's last write."""
        for name, size, at in self._objects(prefix).ages(prefix):
            yield Aged(name, size, at)

    def sweep(self) -> int:
        """Remove what killed writers left behind; returns how many files."""
        return self._objects("").sweep()

    def write_table(self, name: str, table: pa.Table) -> Written:
        """Write a table as Parquet; the same rows give the same bytes, however they are chunked."""
        data = parquet.encode(table)
        self.write(name, data)
        return Written(name, len(data), parquet.sha256(data), table.num_rows)

    def pass_table(self, name: str, table: pa.Table) -> int:
        """The same for what only the next stages read: sooner, a little larger, not hashed. Returns its bytes."""
        data = parquet.encode(table, passing=True)
        self.write(name, data)
        return len(data)

    def schema(self, name: str) -> pa.Schema:
        """The columns of a Parquet object; reads its footer only."""
        with self.open(name) as stream, storage_errors("read", self.url(name)):
            return parquet.schema(stream)

    def read_table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a Parquet object, or the given columns of it, in the order asked for."""
        with self.open(name) as stream, storage_errors("read", self.url(name)):
            return parquet.read(stream, columns)

    def read_where(self, name: str, column: str, value: str) -> pa.Table:
        """The rows of a Parquet object whose text `column` has this value; row groups that cannot hold it are not
        read."""
        with self.open(name) as stream, storage_errors("read", self.url(name)):
            return parquet.read_where(stream, column, value)

    def batches(
        self, name: str, columns: Sequence[str] | None = None, batch_rows: int = 16_384, absent_ok: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Stream a Parquet object in batches of at most `batch_rows` rows, in file order.

        A column that the object lacks is a DataError, or with `absent_ok` left out.
        """
        with self.open(name) as stream:
            rows = parquet.batches(stream, columns, batch_rows, absent_ok)
            while True:
                with storage_errors("read", self.url(name)):
                    batch = next(rows, None)
                if batch is None:
                    return
                yield batch

    def delta_options(self) -> dict[str, str] | None:
        """Storage options for deltalake and Polars: endpoint, region and the identity that boto3 resolved."""
        if not self.is_s3:
            return None
        from augmill.tasks.storage import s3

        return s3.delta_options()

    def _objects(self, name: str) -> Objects:
        self.url(name)
        if not self.is_s3:
            return Folder(self.uri)
        from augmill.tasks.storage.s3 import Bucket  # boto3 costs 0.3 s, which a local lake need not pay

        parts = urlsplit(self.uri)
        prefix = parts.path.strip("/")
        return Bucket(parts.netloc, f"{prefix}/" if prefix else "")


def _normal(uri: str) -> str:
    if "://" not in uri:
        return os.path.abspath(os.path.expanduser(uri))
    parts = urlsplit(uri)
    if "@" in parts.netloc:
        raise PolicyError(f"{redact(uri)} carries credentials", "take them out; set AWS_PROFILE or AWS_ACCESS_KEY_ID")
    if parts.scheme != "s3" or not parts.netloc:
        raise PolicyError(f"{redact(uri)} is no place to store data", "use a local path or s3://bucket/prefix")
    return uri.rstrip("/")
