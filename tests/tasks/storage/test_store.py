"""One contract, kept by a folder and by a bucket alike."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from augmill.policies.errors import DataError, PolicyError, StorageError
from augmill.tasks.storage.store import Entry, Store

TABLE = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"], "c": [0.5, 1.5, None]})


def test_what_is_written_is_read_back_and_replaced_whole(store: Store) -> None:
    store.write("deep/er/one", b"first and longer")
    store.write("deep/er/one", b"second")
    assert store.read("deep/er/one") == b"second"
    assert store.size("deep/er/one") == 6
    assert store.sha256("deep/er/one") == hashlib.sha256(b"second").hexdigest()


def test_an_empty_object_is_an_object(store: Store) -> None:
    store.write("empty", b"")
    assert store.exists("empty")
    assert store.read("empty") == b""


def test_create_takes_a_name_once(store: Store) -> None:
    assert store.create("name", b"mine")
    assert not store.create("name", b"yours")
    assert store.read("name") == b"mine"


def test_create_leaves_what_write_has_put_there(store: Store) -> None:
    store.write("name", b"mine")
    assert not store.create("name", b"mine")


def test_listing_takes_a_prefix_of_the_name_and_sorts(store: Store) -> None:
    for name in ("b/2", "b/10", "b.json", "a", "ba/1"):
        store.write(name, b"12")
    assert [entry.name for entry in store.list()] == ["a", "b.json", "b/10", "b/2", "ba/1"]
    assert list(store.list("b/")) == [Entry("b/10", 2), Entry("b/2", 2)]
    assert [entry.name for entry in store.list("b/1")] == ["b/10"]
    assert list(store.list("nowhere/")) == []


def test_a_sub_store_sees_its_own_objects_only(store: Store) -> None:
    store.sub("left", "inner").write("x", b"1")
    store.sub("right").write("x", b"2")
    assert [entry.name for entry in store.sub("left").list()] == ["inner/x"]
    assert store.read("left/inner/x") == b"1"
    assert store.sub("left", "inner").url("x") == f"{store.uri}/left/inner/x"


def test_deleting_twice_is_no_fault(store: Store) -> None:
    store.write("gone", b"1")
    store.delete("gone")
    store.delete("gone")
    assert not store.exists("gone")


def test_a_folder_is_not_an_object(store: Store) -> None:
    store.write("folder/object", b"1")
    assert not store.exists("folder")


@pytest.mark.parametrize("look", ["read", "size", "sha256", "read_table", "schema"])
def test_a_missing_object_is_named_with_a_remedy(store: Store, look: str) -> None:
    store.write("other", b"1")
    with pytest.raises(StorageError) as caught:
        getattr(store, look)("no/such")
    assert f"{store.uri}/no/such" in caught.value.cause
    assert caught.value.remedy
    assert not caught.value.transient


def test_a_store_survives_pickling(store: Store) -> None:
    store.write("x", b"1")
    assert len(pickle.dumps(store)) < 500
    assert pickle.loads(pickle.dumps(store)).read("x") == b"1"


def test_a_table_comes_back_with_the_columns_asked_for(store: Store) -> None:
    written = store.write_table("t.parquet", TABLE)
    assert (written.name, written.rows) == ("t.parquet", 3)
    assert written.bytes == store.size("t.parquet")
    assert written.sha256 == store.sha256("t.parquet") == hashlib.sha256(store.read("t.parquet")).hexdigest()
    assert store.read_table("t.parquet").equals(TABLE)
    assert store.read_table("t.parquet", ["c", "a"]).equals(TABLE.select(["c", "a"]))
    assert store.schema("t.parquet").names == ["a", "b", "c"]


def test_a_table_that_is_only_passed_on_comes_back_whole(store: Store) -> None:
    table = pa.table({"image": pa.array([{"bytes": b"x" * n, "path": None} for n in range(9)])})
    assert store.pass_table("passed.parquet", table) == store.size("passed.parquet")
    assert store.read_table("passed.parquet").equals(table)


def test_batches_stream_in_order_and_never_exceed_their_size(store: Store) -> None:
    table = pa.table({"n": list(range(150_000)), "text": [f"row {n}" for n in range(150_000)]})
    store.write_table("t.parquet", table)
    batches = list(store.batches("t.parquet", ["n"], batch_rows=9_999))
    assert max(batch.num_rows for batch in batches) <= 9_999
    assert pa.Table.from_batches(batches).equals(table.select(["n"]))


def test_an_unknown_column_is_refused_unless_it_may_be_absent(store: Store) -> None:
    store.write_table("t.parquet", TABLE)
    with pytest.raises(DataError, match="no column 'q'"):
        store.read_table("t.parquet", ["a", "q"])
    with pytest.raises(DataError, match="no column 'q'"):
        list(store.batches("t.parquet", ["a", "q"]))
    assert [batch.schema.names for batch in store.batches("t.parquet", ["a", "q"], absent_ok=True)] == [["a"]]
    assert [batch.num_rows for batch in store.batches("t.parquet", ["q"], absent_ok=True)] == [3]


def test_a_torn_parquet_object_is_said_to_be_damaged(store: Store) -> None:
    store.write_table("t.parquet", TABLE)
    store.write("t.parquet", store.read("t.parquet")[:-20])
    for look in (store.read_table, store.schema, lambda name: list(store.batches(name))):
        with pytest.raises(StorageError, match="damaged"):
            look("t.parquet")


def test_names_cannot_leave_the_store(store: Store) -> None:
    for name in ("../x", "a/../../x", "/etc/passwd"):
        with pytest.raises(PolicyError, match="points outside"):
            store.write(name, b"1")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("s3://KEY:SECRET@bucket/x", "credentials"),
        ("gs://bucket/x", "no place to store data"),
        ("s3:///x", "no place to store data"),
    ],
)
def test_a_uri_that_is_no_place_is_refused_without_its_secrets(uri: str, words: str) -> None:
    with pytest.raises(PolicyError, match=words) as caught:
        Store(uri)
    assert "SECRET" not in str(caught.value)


def test_a_relative_path_keeps_its_meaning_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store("lake")
    monkeypatch.chdir("/")
    store.write("x", b"1")
    assert (tmp_path / "lake" / "x").read_bytes() == b"1"
