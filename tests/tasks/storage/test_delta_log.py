"""The log of a table, also where other engines and accidents have written in it."""

from __future__ import annotations

import json

import pytest

from augmill.policies.errors import StorageError
from augmill.tasks.storage import delta_log
from augmill.tasks.storage.store import Store


def test_a_commit_of_our_own_is_read_back_and_its_number_is_taken(store: Store) -> None:
    info = delta_log.info(5, {"run_id": "r", "policy": "p"})
    assert delta_log.write(store, 0, [{"commitInfo": info}, {"add": {"path": "a"}}, {"remove": {"path": "b"}}])
    assert not delta_log.write(store, 0, [])
    commit = delta_log.commit(store, 0)
    assert (commit.version, commit.at_ms, commit.engine) == (0, 5, "augmill")
    assert (commit.metadata, commit.added, commit.removed) == ({"run_id": "r", "policy": "p"}, ("a",), ("b",))


def test_only_commits_count_as_versions(store: Store) -> None:
    for name in (f"{1:020d}.json", f"{0:020d}.json", "_last_checkpoint", f"{1:020d}.checkpoint.parquet", ".tmp.json"):
        store.write(f"_delta_log/{name}", b"{}")
    assert delta_log.versions(store) == [0, 1]


@pytest.mark.parametrize("said", ["free text of another engine", "[1]", None])
def test_what_another_engine_says_is_no_metadata_of_ours(store: Store, said: str | None) -> None:
    store.write(
        delta_log.name_of(0), json.dumps({"commitInfo": {"operation": "OPTIMIZE", "userMetadata": said}}).encode()
    )
    assert delta_log.commit(store, 0).metadata == {}
    assert delta_log.commit(store, 0).operation == "OPTIMIZE"


def test_a_torn_commit_is_named(store: Store) -> None:
    store.write(delta_log.name_of(3), b'{"commitInfo": {"timest')
    with pytest.raises(StorageError, match="damaged at version 3"):
        delta_log.commit(store, 3)
