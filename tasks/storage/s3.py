"""Objects in an S3 bucket: one PUT each, conditional where it must be the first.

Credentials, region and endpoint are boto3's own business (AWS_* variables, profiles, roles); nothing here
reads the environment.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, BinaryIO, TypeVar, cast

import boto3.session
import botocore.exceptions as faults
import botocore.session
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from augmill.policies.errors import StorageError
from augmill.tasks.storage.ranged_reader import Ranges
from augmill.tasks.storage.s3_error_mapping import from_boto

T = TypeVar("T")

_ONE_PUT_BYTES = 64 * 2**20
_CHUNK_BYTES = 8 * 2**20
_ONE_GET_BYTES = 8 * 2**20
_READ_BYTES = 2**20
_ATTEMPTS = 5
_LOCK = threading.Lock()
_BROKEN_MIDWAY = (
    faults.ReadTimeoutError,
    faults.IncompleteReadError,
    faults.ResponseStreamingError,
    faults.ChecksumError,
    faults.FlexibleChecksumError,
)


@lru_cache(maxsize=1)
def _connection(process: int) -> tuple[Any, Any]:
    del process  # part of the key: a forked child must not share its parent's sockets
    core = botocore.session.get_session()
    session = boto3.session.Session(botocore_session=core)
    mode, attempts = core.get_config_variable("retry_mode"), core.get_config_variable("max_attempts")
    config = Config(
        # What the user's AWS settings leave open; `legacy` is botocore's own default.
        retries={"mode": "standard" if mode == "legacy" else mode, "total_max_attempts": attempts or _ATTEMPTS},
        connect_timeout=5,
        max_pool_connections=32,
        tcp_keepalive=True,
        user_agent_extra="augmill",
    )
    return session, session.client("s3", config=config)


def connection() -> tuple[Any, Any]:
    """The (session, client) of this process, made on first use."""
    # boto3 clients may be shared by threads, but not made by several at once.
    with _LOCK:
        return _connection(os.getpid())


def forget() -> None:
    """Drop this process's client, so that changed credentials or endpoints are read again."""
    with _LOCK:
        _connection.cache_clear()


def delta_options() -> dict[str, str]:
    """What deltalake needs to reach the same endpoint with the same identity as boto3."""
    session, client = connection()
    options = {"AWS_REGION": client.meta.region_name or "us-east-1"}
    if "amazonaws.com" not in client.meta.endpoint_url:
        options["AWS_ENDPOINT_URL"] = client.meta.endpoint_url
    if client.meta.endpoint_url.startswith("http://"):
        options["AWS_ALLOW_HTTP"] = "true"
    credentials = session.get_credentials()
    if credentials is not None:
        # Profiles, roles and SSO are resolved by boto3 alone; Delta gets the outcome, fresh at every opening.
        frozen = credentials.get_frozen_credentials()
        options |= {"AWS_ACCESS_KEY_ID": frozen.access_key, "AWS_SECRET_ACCESS_KEY": frozen.secret_key}
        if frozen.token:
            options["AWS_SESSION_TOKEN"] = frozen.token
    return options


@dataclass(frozen=True)
class Bucket:
    """The objects of a bucket under a prefix (which ends with `/` or is empty)."""

    bucket: str
    prefix: str

    def key(self, name: str) -> str:
        """The full key of an object."""
        return self.prefix + name

    def exists(self, name: str) -> bool:
        """Whether the object is there."""
        return self._head(name, missing_is_fine=True) is not None

    def size(self, name: str) -> int:
        """Bytes of the object."""
        return int(cast("dict[str, Any]", self._head(name))["ContentLength"])

    def read(self, name: str) -> bytes:
        """All bytes of the object."""
        return self.read_range(name, None)

    def read_range(self, name: str, byte_range: tuple[int, int] | None) -> bytes:
        """Bytes `first` to `last`, both included, or all."""
        extra = {} if byte_range is None else {"Range": f"bytes={byte_range[0]}-{byte_range[1]}"}

        def get(client: Any) -> bytes:
            return cast(bytes, client.get_object(Bucket=self.bucket, Key=self.key(name), **extra)["Body"].read())

        return self._call("read", name, get)

    def open(self, name: str) -> BinaryIO:
        """The object as a seekable stream: of its bytes if they are few, else of ranged reads."""
        size = self.size(name)
        if size <= _ONE_GET_BYTES:
            return io.BytesIO(self.read(name))
        ranges = Ranges(lambda first, last: self.read_range(name, (first, last)), size)
        return cast(BinaryIO, io.BufferedReader(ranges, buffer_size=_READ_BYTES))

    def sha256(self, name: str) -> str:
        """The hash of the object's bytes: the store's own if it checked one on upload, else read and computed."""
        checksum = cast("dict[str, Any]", self._head(name)).get("ChecksumSHA256", "")
        if checksum and "-" not in checksum:  # a composite hash of a multipart upload ends with -<parts>
            return base64.b64decode(checksum).hex()
        digest = hashlib.sha256()
        with self.open(name) as stream:
            while block := stream.read(_READ_BYTES):
                digest.update(block)
        return digest.hexdigest()

    def write(self, name: str, data: bytes) -> None:
        """Put the object in place, whole or not at all, over an older one if there is one."""
        if len(data) <= _ONE_PUT_BYTES:
            self._call("write", name, lambda client: self._put(client, name, data))
        else:
            transfer = TransferConfig(multipart_threshold=_CHUNK_BYTES, multipart_chunksize=_CHUNK_BYTES)
            self._call(
                "write",
                name,
                lambda client: client.upload_fileobj(io.BytesIO(data), self.bucket, self.key(name), Config=transfer),
            )

    def create(self, name: str, data: bytes) -> bool:
        """Put the object in place unless the name is taken; False if it is."""

        def put(client: Any) -> bool:
            try:
                self._put(client, name, data, IfNoneMatch="*")
            except faults.ClientError as error:
                if error.response["ResponseMetadata"].get("HTTPStatusCode") != 412:
                    raise
                # A retry after a lost answer meets the object that the first attempt made.
                retried = bool(error.response["ResponseMetadata"].get("RetryAttempts"))
                return retried and self.read(name) == data
            return True

        return self._call("create", name, put)

    def delete(self, name: str) -> None:
        """Remove the object; nothing happens if it is not there."""
        self._call("delete", name, lambda client: client.delete_object(Bucket=self.bucket, Key=self.key(name)))

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Name and bytes of every object whose name begins with `prefix`, sorted by name."""
        for name, size, _ in self.ages(prefix):
            yield name, size

    def ages(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        """The same with the time of the last write, in seconds since 1970, as the store says."""
        token: dict[str, str] = {}
        while True:
            query = {"Bucket": self.bucket, "Prefix": self.key(prefix), **token}
            page = self._call("list", prefix, partial(_page, query))
            for item in page.get("Contents", ()):
                yield item["Key"].removeprefix(self.prefix), int(item["Size"]), item["LastModified"].timestamp()
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def sweep(self) -> int:
        """Nothing to do: an unfinished upload is never visible (a bucket lifecycle rule ends its storage)."""
        return 0

    def _put(self, client: Any, name: str, data: bytes, **conditions: str) -> None:
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        client.put_object(Bucket=self.bucket, Key=self.key(name), Body=data, ChecksumSHA256=checksum, **conditions)

    def _head(self, name: str, missing_is_fine: bool = False) -> dict[str, Any] | None:
        def head(client: Any) -> dict[str, Any] | None:
            try:
                response = client.head_object(Bucket=self.bucket, Key=self.key(name), ChecksumMode="ENABLED")
            except faults.ClientError as error:
                if missing_is_fine and error.response["ResponseMetadata"].get("HTTPStatusCode") == 404:
                    return None
                raise
            return cast("dict[str, Any]", response)

        return self._call("look up", name, head)

    def _call(self, action: str, name: str, request: Callable[[Any], T]) -> T:
        """Run a request; botocore retries what fails before the answer, this also what breaks in mid-answer."""
        uri = f"s3://{self.bucket}/{self.key(name)}"
        for attempt in range(_ATTEMPTS):
            try:
                return request(connection()[1])
            except (faults.BotoCoreError, faults.ClientError) as error:
                fault = from_boto(action, uri, error)
                if not fault.transient or not _broken_midway(error) or attempt == _ATTEMPTS - 1:
                    raise fault from error
            time.sleep(0.2 * 2**attempt * (0.5 + secrets.randbelow(1000) / 1000))
        raise StorageError(f"cannot {action} {uri}", "run again", transient=True)


def _page(query: dict[str, str], client: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", client.list_objects_v2(**query))


def _broken_midway(error: Exception) -> bool:
    if isinstance(error, faults.ClientError):
        return bool(error.response["ResponseMetadata"].get("HTTPStatusCode") == 409)
    return isinstance(error, _BROKEN_MIDWAY)
