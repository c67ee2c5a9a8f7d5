"""A real S3 server for tests: one process of its own per session, on a free loopback port, ended with the session.

ministack is taken from PATH or from `.venv-ministack`, else moto_server from the environment of the tests.
`AUGMILL_TEST_S3=http://KEY:SECRET@HOST:PORT` uses a store that is already running instead (infra/s3.md).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from augmill.tasks.storage import s3 as s3_module
from augmill.tasks.storage.store import Store

_ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 60

# Ends the server when its standard input closes, which happens however the tests end, kill -9 included.
_GUARD = """
import select, signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
while server.poll() is None and not select.select([sys.stdin], [], [], 0.2)[0]:
    pass
server.terminate()
try:
    server.wait(5)
except subprocess.TimeoutExpired:
    server.kill()
    server.wait()
"""


# moto 5.2 gets the signature wrong where a query holds an encoded character, so it takes users at their word.
_JUDGING = """
from moto.iam import access_control
from moto.server import main
access_control.IAMRequestBase.check_signature = lambda request: None
main()
"""


@dataclass(frozen=True)
class S3Server:
    """Where the server listens, and who we are to it. `kind`: ministack, moto or external."""

    kind: str
    endpoint: str
    key: str = "AKIDTEST"
    secret: str = "SECRETTEST"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self):
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
        )


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    external = os.environ.get("AUGMILL_TEST_S3")
    if external:
        parts = urlsplit(external)
        yield S3Server("external", f"{parts.scheme}://{parts.hostname}:{parts.port}", parts.username, parts.password)
        return
    with started(tmp_path_factory.mktemp("s3-server")) as server:
        yield server


@pytest.fixture(scope="session")
def plain_s3_server(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server that does not look at signatures, so that a proxy may change what was signed."""
    if s3_server.kind != "external":
        yield s3_server
        return
    with started(tmp_path_factory.mktemp("plain-s3-server")) as server:
        yield server


@pytest.fixture(scope="session")
def s3_bucket(s3_server: S3Server) -> Iterator[str]:
    """A bucket of this session's own; removed again from a store that outlives the session."""
    bucket = _new_bucket(s3_server)
    yield bucket
    if s3_server.kind == "external":
        _remove(s3_server, bucket)


@pytest.fixture
def aws(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The AWS variables, and nothing else of AWS, set to the test server for one test and its children."""
    return _point_to(s3_server, monkeypatch)


@pytest.fixture
def s3(aws: S3Server, s3_bucket: str) -> Store:
    """An empty prefix of the test bucket."""
    return Store(f"s3://{s3_bucket}/{uuid.uuid4().hex[:12]}")


@pytest.fixture
def versioned_s3(aws: S3Server) -> Iterator[Store]:
    """An empty bucket that keeps versions; for sources: Ceph 16 ignores conditions of a PUT to such a bucket."""
    bucket, client = _new_bucket(aws), aws.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.close()
    yield Store(f"s3://{bucket}/raw")
    if aws.kind == "external":
        _remove(aws, bucket)


@pytest.fixture
def plain_s3(plain_s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty bucket of the server that a proxy may stand before."""
    _point_to(plain_s3_server, monkeypatch)
    return Store(f"s3://{_new_bucket(plain_s3_server)}/lake")


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.s3)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store, once in a folder and once on S3."""
    return request.getfixturevalue("s3") if request.param == "s3" else Store(str(tmp_path / "lake"))


@contextlib.contextmanager
def started(folder: Path, *, moto: bool = False, judging: bool = False) -> Iterator[S3Server]:
    """Run a server until the end of the block; `moto` asks for moto_server even where ministack is at hand.

    A `judging` one can be told to follow the policies of its users (moto-api/reset-auth); ministack has none.
    """
    port = free_port()
    kind, command, environment = _moto(port, judging) if moto or judging else (_ministack(folder, port) or _moto(port))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with (folder / "log").open("wb") as log, guarded(command, log, kept | environment) as guard:
        endpoint = f"http://127.0.0.1:{port}"
        _wait_for(endpoint, guard, folder / "log")
        yield S3Server(kind, endpoint)


@contextlib.contextmanager
def guarded(command: list[str], log, environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    """Run a command that ends with this block or with this process, whichever is first."""
    guard = subprocess.Popen(
        [sys.executable, "-c", _GUARD, *command], stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment
    )
    try:
        yield guard
    finally:
        guard.stdin.close()
        guard.wait(15)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _point_to(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    # A client takes half a second to make, so one that already points to this server stays.
    if s3_module.connection()[1].meta.endpoint_url != server.endpoint:
        s3_module.forget()
    return server


def _new_bucket(server: S3Server) -> str:
    bucket, client = f"augmill-test-{uuid.uuid4().hex[:12]}", server.client()
    client.create_bucket(Bucket=bucket)
    client.close()
    return bucket


def _remove(server: S3Server, bucket: str) -> None:
    client = server.client()
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            client.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])
    client.delete_bucket(Bucket=bucket)
    client.close()


def _ministack(folder: Path, port: int) -> tuple[str, list[str], dict[str, str]] | None:
    own = _ROOT / ".venv-ministack" / "bin" / "ministack"
    program = shutil.which("ministack") or (str(own) if own.exists() else None)
    if program is None:
        return None
    environment = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "SERVICES": "s3",
        "S3_PERSIST": "0",
        "S3_DATA_DIR": str(folder / "data"),
        "STATE_DIR": str(folder / "state"),
        "LOG_LEVEL": "WARNING",
    }
    return "ministack", [program], environment


def _moto(port: int, judging: bool = False) -> tuple[str, list[str], dict[str, str]]:
    program = [sys.executable, "-c", _JUDGING] if judging else [str(Path(sys.executable).with_name("moto_server"))]
    return "moto", [*program, "-H", "127.0.0.1", "-p", str(port)], {}


def _wait_for(endpoint: str, guard: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(endpoint, timeout=2).close()
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            if guard.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the S3 server did not start:\n{log.read_text(errors='replace')[-2000:]}")
