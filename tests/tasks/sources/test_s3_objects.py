from __future__ import annotations

import io
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augmill.policies.errors import DataError, PolicyError, StorageError
from augmill.tasks.sources.hash_cache import HashCache
from augmill.tasks.sources.source_reader import discover, read, scan, types_of, units
from tests.fixtures_s3 import S3Server
from tests.tasks.sources.whole import policy_of, whole

pytestmark = pytest.mark.s3


class Folder:
    """A prefix of the test bucket."""

    def __init__(self, server: S3Server, bucket: str) -> None:
        self.client, self.bucket, self.prefix = server.client(), bucket, uuid.uuid4().hex[:12]
        self.uri = f"s3://{bucket}/{self.prefix}"

    def put(self, name: str, data: bytes | str) -> None:
        body = data if isinstance(data, bytes) else data.encode()
        self.client.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{name}", Body=body)


@pytest.fixture
def folder(aws: S3Server, s3_bucket: str):
    made = Folder(aws, s3_bucket)
    yield made
    made.client.close()


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=10)
    return buffer.getvalue()


def test_a_file_a_folder_and_a_glob_in_a_bucket(folder: Folder, tmp_path: Path) -> None:
    folder.put("a.csv", "x\n1\n")
    folder.put("sub/b.csv", "x\n2\n")
    folder.put("sub/.hidden.csv", "x\n3\n")
    folder.put("sub/", "")
    for uri, names in (
        (f"{folder.uri}/a.csv", ["a.csv"]),
        (folder.uri, ["a.csv", "sub/b.csv"]),
        (f"{folder.uri}/", ["a.csv", "sub/b.csv"]),
        (f"{folder.uri}/*.csv", ["a.csv"]),
        (f"{folder.uri}/**/*.csv", ["a.csv", "sub/b.csv"]),
    ):
        assert [one.name for one in discover(policy_of(uri), tmp_path).objects] == names, uri


def test_rows_from_a_bucket_equal_rows_from_a_folder(folder: Folder, tmp_path: Path) -> None:
    table = pa.table({"a": range(100), "b": [str(i) for i in range(100)]})
    pictures = {f"{name}/{i}.png": f"{name}{i}".encode() for name in ("cat", "dog") for i in range(20)}
    files = {
        "csv/x.csv": b"a,b\n1,x\n2\n3,y\n",
        "pq/x.parquet": parquet(table),
        "lines/x.jsonl": b'{"a": 1}\n{"a": 2}\n',
        **{f"photos/{name}": data for name, data in pictures.items()},
        "listed/list.csv": b"file,label\n1.png,x\n2.png,y\ngone.png,z\n",
        "listed/images/1.png": b"one",
        "listed/2.png": b"two",
    }
    for name, data in files.items():
        folder.put(name, data)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    for uri, columns in (
        ("csv", None),
        ("pq/*.parquet", None),
        ("lines", None),
        ("photos", None),
        ("listed/list.csv", {}),
    ):
        there = whole(tmp_path, policy_of(f"{folder.uri}/{uri}", columns=columns), shard_rows=7)
        here = whole(tmp_path, policy_of(uri, columns=columns))
        assert there.table.equals(here.table), uri
        assert there.faults == here.faults, uri
        assert here.table.num_rows >= 2


def test_objects_carry_etag_and_version(folder: Folder, tmp_path: Path) -> None:
    bucket = f"{folder.bucket}-v"
    folder.client.create_bucket(Bucket=bucket)
    folder.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = folder.client.put_object(Bucket=bucket, Key="x.csv", Body=b"a\n1\n")["VersionId"]
    try:
        versioned = discover(policy_of(f"s3://{bucket}/x.csv"), tmp_path).objects[0]
        assert versioned.version_id == version
    finally:
        folder.client.delete_object(Bucket=bucket, Key="x.csv", VersionId=version)
        folder.client.delete_bucket(Bucket=bucket)
    folder.put("x.csv", "a\n1\n")
    plain = discover(policy_of(f"{folder.uri}/x.csv"), tmp_path).objects[0]
    assert plain.version_id is None
    assert plain.etag == versioned.etag
    assert plain.sha256 == versioned.sha256


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("x.csv", b"a\n1\n", b"a\n2\n"),
        ("x.parquet", parquet(pa.table({"a": [1]})), parquet(pa.table({"a": [2]}))),
        ("x.jsonl", b'{"a": 1}', b'{"a": 2}'),
        ("c/x.png", b"one", b"two"),
    ],
)
def test_an_object_that_changes_between_two_reads_is_refused(
    folder: Folder, tmp_path: Path, name: str, first: bytes, second: bytes
) -> None:
    folder.put(name, first)
    policy = policy_of(folder.uri)
    work = units(discover(policy, tmp_path), policy, 2**20)
    types = types_of([scan(unit, policy) for unit in work])
    folder.put(name, second)
    with pytest.raises(DataError, match=f"{name} changed while it was being read"):
        list(read(work[0], types, policy, 10, 2**20))
    folder.client.delete_object(Bucket=folder.bucket, Key=f"{folder.prefix}/{name}")
    with pytest.raises(DataError, match=f"{name} changed while it was being read"):
        list(read(work[0], types, policy, 10, 2**20))


def test_an_unchanged_object_is_not_read_again(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from augmill.tasks.sources import s3_objects

    folder.put("x.csv", "a\n1\n")
    policy = policy_of(folder.uri)
    with HashCache(tmp_path) as cache:
        first = discover(policy, tmp_path, cache)
    monkeypatch.delattr(s3_objects, "digest")
    with HashCache(tmp_path) as cache:
        assert discover(policy, tmp_path, cache) == first


def test_a_bucket_that_does_not_exist_is_named(aws: S3Server, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the bucket does not exist") as error:
        discover(policy_of("s3://augmill-no-such-bucket/x.csv"), tmp_path)
    assert not error.value.transient


def test_a_prefix_without_objects_is_the_datas_fault(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="matches no file"):
        discover(policy_of(f"{folder.uri}/*.csv"), tmp_path)


def test_a_uri_without_a_bucket_is_the_calls_fault(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="names no bucket"):
        discover(policy_of("s3:///x.csv"), tmp_path)


def test_a_store_that_does_not_answer_is_worth_another_try(
    aws: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from augmill.tasks.storage import s3
    from tests.fixtures_s3 import free_port

    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3.forget()
    try:
        with pytest.raises(StorageError) as error:
            discover(policy_of("s3://augmill-test/x.csv"), tmp_path)
    finally:
        s3.forget()
    assert error.value.transient
