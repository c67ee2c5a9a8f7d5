"""Objects of a bucket as a source: listed, hashed, and read range by range as long as they do not change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from augmill.policies.errors import PolicyError
from augmill.tasks.sources.source_contract import changed
from augmill.tasks.storage.ranged_reader import Ranges

_BUFFER_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Entry:
    """One object of a listing."""

    key: str
    bytes: int
    etag: str


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`. Raises PolicyError if there is no bucket."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket or "@" in bucket:
        raise PolicyError(
            "source.uri names no bucket, or holds credentials",
            "write s3://BUCKET/PREFIX and give credentials by the AWS_* variables or a profile",
        )
    return bucket, key


def entry(uri: str) -> Entry | None:
    """The object with exactly this URI, or None."""
    bucket, key = split_uri(uri)
    # A key sorts before all longer keys that begin with it.
    first = next(_listed(bucket, key), None) if key else None
    return first if first is not None and first.key == key else None


def entries(uri: str) -> list[Entry]:
    """Every object whose URI begins with `uri`, without folder markers."""
    bucket, prefix = split_uri(uri)
    return [found_entry for found_entry in _listed(bucket, prefix) if not found_entry.key.endswith("/")]


def digest(uri: str, etag: str, name: str) -> tuple[str, str | None]:
    """SHA-256 of an object's bytes, read as a stream, and its version id if the bucket has versions."""
    with _answered("read", uri, name) as client:
        bucket, key = split_uri(uri)
        answer = client.get_object(Bucket=bucket, Key=key, IfMatch=etag)
        hashed = hashlib.sha256()
        for block in answer["Body"].iter_chunks(_BUFFER_BYTES):
            hashed.update(block)
    version = answer.get("VersionId")
    return hashed.hexdigest(), None if version in (None, "null") else str(version)


def stream(uri: str, size: int, etag: str, name: str) -> BinaryIO:
    """A seekable stream: each read is one ranged request, which fails if the ETag has changed."""

    def read_range(first: int, last: int) -> bytes:
        with _answered("read", uri, name) as client:
            bucket, key = split_uri(uri)
            answer = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={first}-{last}", IfMatch=etag)
            return bytes(answer["Body"].read())

    return cast(BinaryIO, Ranges(read_range, size))


@contextmanager
def _answered(action: str, uri: str, name: str) -> Iterator[Any]:
    """The client of this process; botocore's errors become StorageError, a failed condition DataError."""
    import botocore.exceptions as faults

    from augmill.tasks.storage.s3 import connection
    from augmill.tasks.storage.s3_error_mapping import from_boto

    try:
        yield connection()[1]
    except (faults.ClientError, faults.BotoCoreError) as error:
        answer = error.response if isinstance(error, faults.ClientError) else {}
        if action == "read" and answer.get("ResponseMetadata", {}).get("HTTPStatusCode") in (404, 412):
            raise changed(name) from error
        raise from_boto(action, uri, error) from error


def _listed(bucket: str, prefix: str) -> Iterator[Entry]:
    uri = f"s3://{bucket}/{prefix}"
    token: dict[str, str] = {}
    while True:
        with _answered("list", uri, uri) as client:
            page = client.list_objects_v2(Bucket=bucket, Prefix=prefix, **token)
        for item in page.get("Contents", ()):
            yield Entry(item["Key"], int(item["Size"]), item["ETag"])
        if not page.get("IsTruncated"):
            return
        token = {"ContinuationToken": page["NextContinuationToken"]}
