import pickle

import pyarrow as pa
import pytest

from augmill.tasks.storage.overlay import Overlay
from augmill.tasks.storage.store import Store


@pytest.fixture
def both(store, tmp_path):
    """A store, local and on S3, with one object, and an overlay of it."""
    store.write("old/a", b"below")
    return store, Overlay(store.uri, str(tmp_path / "scratch"))


def test_what_lies_below_is_read_and_what_is_written_stays_above(both, tmp_path):
    below, overlay = both
    assert overlay.read("old/a") == b"below"
    overlay.write("old/a", b"above")
    overlay.write("new", b"1")
    assert (overlay.read("old/a"), overlay.size("new")) == (b"above", 1)
    with overlay.open("new") as stream:
        assert stream.read() == b"1"
    assert below.read("old/a") == b"below"
    assert [entry.name for entry in below.list()] == ["old/a"]
    assert [(entry.name, entry.bytes) for entry in overlay.list()] == [("new", 1), ("old/a", 5)]
    assert [entry.name for entry in Store(str(tmp_path / "scratch")).list()] == ["new", "old/a"]


def test_a_name_is_taken_if_either_has_it(both):
    _, overlay = both
    assert not overlay.create("old/a", b"x")
    assert overlay.create("new", b"x")
    assert not overlay.create("new", b"y")


def test_nothing_below_is_removed(both):
    below, overlay = both
    overlay.delete("old/a")
    overlay.sweep()
    assert below.exists("old/a")
    assert overlay.exists("old/a")
    overlay.write("new", b"1")
    overlay.delete("new")
    assert not overlay.exists("new")


def test_tables_and_sub_folders_work_alike_and_travel_to_workers(both):
    below, overlay = both
    sub = pickle.loads(pickle.dumps(overlay.sub("deep", "er")))
    written = sub.write_table("t.parquet", pa.table({"a": [1, 2]}))
    assert sub.read_table("t.parquet")["a"].to_pylist() == [1, 2]
    assert overlay.sha256("deep/er/t.parquet") == written.sha256
    assert not below.exists("deep/er/t.parquet")
    assert overlay.sub("old").read("a") == b"below"
