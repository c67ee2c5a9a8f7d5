"""What a bucket promises when writers are killed, answers get lost, and the store is away or refuses."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest

from augmill.policies.errors import StorageError
from augmill.tasks.storage import s3 as s3_module
from augmill.tasks.storage.store import Store
from tests.fixtures_s3 import S3Server, free_port
from tests.tasks.storage.unreliable import Mischief, proxy

pytestmark = pytest.mark.s3

ROOT = Path(__file__).resolve().parents[3]
UPLOADER = """
import sys
from augmill.tasks.storage.store import Store
store, data = Store(sys.argv[1]), bytes(80_000_000)
print("ready", flush=True)
store.write("big", data)
"""


@pytest.fixture
def through(plain_s3: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Mischief], Store]]:
    """The store as seen through a proxy that does the given mischief."""
    with ExitStack() as stack:

        def open_proxy(mischief: Mischief) -> Store:
            endpoint = stack.enter_context(proxy(os.environ["AWS_ENDPOINT_URL"], mischief))
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
            monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
            s3_module.forget()
            return plain_s3

        yield open_proxy
    s3_module.forget()


def first(count: int, word: str, method: str) -> Mischief:
    """Spoil the first `count` requests of a method."""
    return lambda seen, before, _: word if seen == method and before < count else "pass"


def test_a_missing_bucket_is_named(aws: S3Server) -> None:
    store = Store("s3://augmill-no-such-bucket/lake")
    for action in (lambda: store.write("x", b"1"), lambda: list(store.list()), lambda: store.create("x", b"1")):
        with pytest.raises(StorageError, match="the bucket does not exist") as caught:
            action()
        assert "s3://augmill-no-such-bucket/lake/" in caught.value.cause
        assert not caught.value.transient


def test_a_store_that_is_away_is_a_transient_fault_without_secrets(
    s3: Store, monkeypatch: pytest.MonkeyPatch, aws: S3Server
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://user:hunter2@127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    s3_module.forget()
    with pytest.raises(StorageError, match="did not answer") as caught:
        s3.read("x")
    s3_module.forget()
    assert caught.value.transient
    assert "AWS_ENDPOINT_URL" in caught.value.remedy
    assert "hunter2" not in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).transient


def test_access_denied_names_the_rights_that_are_needed(through: Callable[[Mischief], Store]) -> None:
    store = through(lambda *_: "deny")
    for action in (lambda: store.write("x", b"1"), lambda: store.exists("x"), lambda: store.read("x")):
        with pytest.raises(StorageError, match="access is denied") as caught:
            action()
        assert "s3:PutObject" in caught.value.remedy
        assert not caught.value.transient


def test_a_wrong_secret_is_refused_by_a_store_that_looks_at_it(
    s3: Store, aws: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    if aws.kind != "external":
        pytest.skip("ministack and moto do not look at the secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    s3_module.forget()
    with pytest.raises(StorageError, match="refuses the secret key") as caught:
        s3.write("x", b"1")
    s3_module.forget()
    assert "AWS_SECRET_ACCESS_KEY" in caught.value.remedy


def test_a_busy_store_is_asked_again_and_in_the_end_reported_as_transient(
    through: Callable[[Mischief], Store],
) -> None:
    store = through(first(2, "busy", "PUT"))
    store.write("x", b"1")
    assert store.read("x") == b"1"
    store = through(lambda *_: "busy")
    with pytest.raises(StorageError, match="503 SlowDown") as caught:
        store.write("x", b"1")
    assert caught.value.transient


def test_an_answer_cut_short_is_read_again(through: Callable[[Mischief], Store]) -> None:
    store = through(first(2, "cut", "GET"))
    data = bytes(range(256)) * 4096
    store.write("x", data)
    assert store.read("x") == data


def test_a_create_whose_answer_was_lost_is_not_lost_to_itself(through: Callable[[Mischief], Store]) -> None:
    store = through(first(1, "lose", "PUT"))
    assert store.create("mine", b"mine")
    assert not store.create("mine", b"another's")
    assert store.read("mine") == b"mine"


def test_a_create_that_lost_the_race_and_then_its_answer_stays_lost(
    plain_s3: Store, through: Callable[[Mischief], Store]
) -> None:
    plain_s3.write("x", b"another's")
    store = through(first(1, "lose", "PUT"))
    assert not store.create("x", b"mine")
    assert store.read("x") == b"another's"


def test_a_large_table_is_written_in_parts_and_streamed_in_ranges(s3: Store) -> None:
    payload = [{"bytes": os.urandom(100_000), "path": None} for _ in range(700)]
    table = pa.table({"n": list(range(700)), "image": payload})
    written = s3.write_table("large.parquet", table)
    assert written.bytes > 64 * 2**20
    assert s3.size("large.parquet") == written.bytes
    assert s3.sha256("large.parquet") == written.sha256
    assert pa.Table.from_batches(s3.batches("large.parquet", batch_rows=128)).equals(table)
    assert s3.read_table("large.parquet", ["n"]).equals(table.select(["n"]))


def test_a_killed_upload_leaves_no_object(s3: Store) -> None:
    for delay in (0.05, 0.2):
        command = [sys.executable, "-c", UPLOADER, s3.uri]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/infra/checkout"}
        ) as writer:
            writer.stdout.readline()
            try:
                writer.wait(delay)
            except subprocess.TimeoutExpired:
                writer.send_signal(signal.SIGKILL)
        assert [entry.bytes for entry in s3.list()] in ([], [80_000_000])
        s3.delete("big")


def test_listing_goes_on_past_the_first_thousand(s3: Store) -> None:
    names = [f"{n:04d}" for n in range(1_003)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: s3.write(name, b""), names))
    assert [entry.name for entry in s3.list()] == names


def test_without_credentials_the_remedy_says_where_they_go(aws: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    s3_module.forget()
    with pytest.raises(StorageError, match="no usable credentials") as caught:
        Store("s3://bucket").read("x")
    s3_module.forget()
    assert "AWS_PROFILE" in caught.value.remedy


def test_a_profile_serves_delta_too(aws: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        "[team]\naws_access_key_id = AKIDTEAM\naws_secret_access_key = S\naws_session_token = T\n"
    )
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "team")
    s3_module.forget()
    options = Store("s3://bucket").delta_options()
    s3_module.forget()
    assert options == {
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "AKIDTEAM",
        "AWS_SECRET_ACCESS_KEY": "S",
        "AWS_SESSION_TOKEN": "T",
    }
