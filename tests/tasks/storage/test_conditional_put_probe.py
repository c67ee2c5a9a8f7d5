"""A store is tried before it holds a table, and refused by the promise that it breaks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from augmill.policies.errors import StorageError
from augmill.tasks.storage import s3 as s3_module
from augmill.tasks.storage.conditional_put_probe import PROOF, prove
from augmill.tasks.storage.store import Store
from tests.fixtures_s3 import S3Server
from tests.tasks.storage.unreliable import proxy


@pytest.fixture
def honest(request: pytest.FixtureRequest, store: Store) -> Store:
    if store.is_s3 and request.getfixturevalue("s3_server").kind == "moto":
        pytest.skip("moto_server lets two writers win now and then")
    return store


def test_a_store_that_keeps_its_promise_passes_and_is_not_asked_again(honest: Store) -> None:
    prove(honest)
    assert [entry.name for entry in honest.list()] == [PROOF]
    honest.write(PROOF, b"marked")
    prove(honest)
    assert honest.read(PROOF) == b"marked"


@pytest.fixture(params=["strip", "late check"])
def liar(
    request: pytest.FixtureRequest, plain_s3: Store, plain_s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Store]]:
    """A store that ignores the condition, or looks first and writes later without a lock."""
    with proxy(plain_s3_server.endpoint, lambda *_: request.param) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        s3_module.forget()
        yield request.param, plain_s3
    s3_module.forget()


@pytest.mark.s3
def test_a_store_that_breaks_its_promise_is_refused_and_left_clean(liar: tuple[str, Store]) -> None:
    kind, store = liar
    words = {"strip": "ignores `If-None-Match", "late check": "conditional writes are not atomic"}[kind]
    with pytest.raises(StorageError, match=words) as caught:
        prove(store)
    assert store.uri in caught.value.cause
    assert "Ceph" in caught.value.remedy
    assert not caught.value.transient
    assert list(store.list()) == []


@pytest.mark.s3
def test_a_store_that_kept_its_promise_once_and_no_longer_does_is_refused(
    plain_s3: Store, plain_s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_s3.write(PROOF, b"proved")
    prove(plain_s3)
    with proxy(plain_s3_server.endpoint, lambda *_: "strip") as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        s3_module.forget()
        with pytest.raises(StorageError, match="honoured before"):
            prove(plain_s3)
    s3_module.forget()
