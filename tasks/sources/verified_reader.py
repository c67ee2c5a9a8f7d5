"""Reading an object's bytes, but only if they are still those that were hashed when the source was listed.

A local file is hashed before its first byte is returned, and its stamp is checked again before every chunk. On S3
every request has the ETag of the listing (`If-Match`). So no row of a changed object is ever yielded.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from augmill.policies.errors import StorageError
from augmill.tasks.sources import s3_objects
from augmill.tasks.sources.source_contract import SourceObject, changed
from augmill.tasks.storage.error_mapping import from_os_error, redact

_READERS = 16


@dataclass(frozen=True)
class Opened:
    """A seekable stream of an object, and `check`, which raises DataError if the object has changed since opening."""

    stream: BinaryIO
    check: Callable[[], None]


@contextmanager
def opened(source: SourceObject) -> Iterator[Opened]:
    """Open an object for reading. Raises DataError if it has changed, StorageError if it cannot be read."""
    if source.uri.startswith("s3://"):
        yield Opened(s3_objects.stream(source.uri, source.bytes, str(source.etag), source.name), lambda: None)
        return
    with reading(source.uri, source.name), open(source.uri, "rb", buffering=0) as file:
        before = _stamp(file)
        if hashlib.file_digest(file, "sha256").hexdigest() != source.sha256:
            raise changed(source.name)
        file.seek(0)

        def check() -> None:
            if _stamp(file) != before:
                raise changed(source.name)

        yield Opened(cast(BinaryIO, file), check)


def content(source: SourceObject) -> bytes:
    """All bytes of a small object. Raises the same errors as `opened`."""
    if source.uri.startswith("s3://"):
        with opened(source) as handle:
            return handle.stream.read()
    with reading(source.uri, source.name):
        data = Path(source.uri).read_bytes()
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise changed(source.name)
    return data


def contents(sources: Sequence[SourceObject]) -> Iterator[bytes]:
    """The bytes of small objects, in order; from a bucket several at a time, never more than a window of them."""
    with ThreadPoolExecutor(_READERS) as pool:
        for start in range(0, len(sources), _READERS):
            window = sources[start : start + _READERS]
            yield from pool.map(content, window) if window[0].uri.startswith("s3://") else map(content, window)


@contextmanager
def reading(uri: str, name: str) -> Iterator[None]:
    """Turn the operating system's errors into StorageError; a file that no longer exists has changed (DataError)."""
    try:
        yield
    except FileNotFoundError as error:
        raise changed(name) from error
    except OSError as error:
        if not error.errno:  # an error of Arrow about the content
            raise
        raise unreadable(uri, error) from error


def unreadable(uri: str, error: OSError) -> StorageError:
    """The error for a file or folder that exists and cannot be read."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return StorageError(f"cannot read {redact(uri)}: permission denied", "give this user read access to it")
    return from_os_error("read", uri, error)


def _stamp(file: io.FileIO) -> tuple[int, int]:
    stat = os.fstat(file.fileno())
    return stat.st_size, stat.st_mtime_ns
