import sqlite3
from contextlib import closing

import pytest

from augmill.tasks.lineage.spool import entry_name, pack, record_or_spool, send, store_record, unpack
from augmill.tasks.storage.store import Store

# MLflow's own models use it; the fault is theirs and does no harm.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def spool(tmp_path):
    return Store(str(tmp_path / "lake")).sub(".augmill", "oil-spill", "spool")


def names(spool):
    return [entry.name for entry in spool.list()]


def recorded(uri, dataset="oil-spill"):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(dataset)
    return [
        run.info.run_name for run in client.search_runs([experiment.experiment_id], order_by=["attributes.created"])
    ]


def test_with_the_server_down_the_record_waits_and_is_sent_by_the_next_run(spool, make_document, mlflow_server):
    first, second = (make_document(*versions) | {"dataset": "down-and-up"} for versions in ((1, None), (2, 1)))
    waiting = record_or_spool(spool, first, NOBODY, {"a.txt": b"one"})
    assert waiting.link is None
    assert waiting.fault.transient
    assert names(spool) == [entry_name(first)]
    done = record_or_spool(spool, second, mlflow_server.uri, {"a.txt": b"two"})
    assert done.link["tracking_uri"] == mlflow_server.uri
    assert list(done.earlier.links) == [entry_name(first)]
    assert names(spool) == []
    assert sorted(recorded(mlflow_server.uri, "down-and-up")) == ["down-and-up@1", "down-and-up@2"]
    from mlflow.tracking import MlflowClient

    tags = MlflowClient(tracking_uri=mlflow_server.uri).get_run(done.link["run_id"]).data.tags
    assert tags["augmill.parent_run_id"] == done.earlier.links[entry_name(first)]["run_id"]


def test_a_server_that_is_down_is_asked_once_however_many_wait(spool, make_document):
    for version in range(1, 4):
        store_record(spool, make_document(version, None), {})
    result = send(spool, NOBODY)
    assert len(set(map(id, result.pending.values()))) == 1
    assert len(names(spool)) == 3


def test_a_record_that_arrived_leaves_nothing_behind(spool, document, store_uri):
    outcome = record_or_spool(spool, document, store_uri, {"a.txt": b"1"})
    assert outcome.fault is None
    assert outcome.link["run_id"]
    assert names(spool) == []


def test_ten_versions_are_sent_in_the_order_of_their_numbers(spool, make_document, store_uri):
    for version in (10, 2, 9):
        store_record(spool, make_document(version, None), {})
    assert [link["run_id"] for link in send(spool, store_uri).links.values()]
    with closing(sqlite3.connect(store_uri.removeprefix("sqlite:///"))) as connection:
        rows = connection.execute("SELECT name FROM runs ORDER BY rowid").fetchall()
    assert [name for (name,) in rows] == ["oil-spill@2", "oil-spill@9", "oil-spill@10"]


def test_an_entry_sent_twice_is_one_run(spool, document, store_uri):
    store_record(spool, document, {})
    send(spool, store_uri)
    store_record(spool, document, {})
    send(spool, store_uri)
    assert recorded(store_uri) == ["oil-spill@12"]


def test_a_damaged_entry_is_set_aside_and_does_not_hold_up_the_others(spool, make_document, store_uri):
    spool.write("000000000001-torn.zip", b"PK\x03\x04 torn")
    store_record(spool, make_document(2, None), {})
    result = send(spool, store_uri)
    assert result.damaged == ["000000000001-torn.zip"]
    assert recorded(store_uri) == ["oil-spill@2"]
    assert names(spool) == ["damaged/000000000001-torn.zip"]


def test_an_entry_that_mlflow_refuses_waits_and_the_others_go(spool, make_document, store_uri):
    refused = store_record(spool, make_document(1, None) | {"dataset": "x" * 600}, {})
    store_record(spool, make_document(2, None), {})
    result = send(spool, store_uri)
    assert list(result.pending) == [refused]
    assert "refused the record" in str(result.pending[refused])
    assert recorded(store_uri) == ["oil-spill@2"]
    assert names(spool) == [refused]


def test_a_spooled_record_is_redacted_and_comes_back_whole(document):
    document["table_uri"] = "https://me:hunter2@host/lake"
    data = pack(document, {"a/b.bin": b"\x00\x01"})
    assert data == pack(document, {"a/b.bin": b"\x00\x01"})
    found, artifacts = unpack(data)
    assert found["table_uri"] == "https://REDACTED@host/lake"
    assert artifacts == {"a/b.bin": b"\x00\x01"}
    assert found["rows"] == document["rows"]


@pytest.mark.parametrize("data", [b"", b"not a zip"])
def test_bytes_that_are_no_record_are_a_value_error(data):
    with pytest.raises(ValueError, match="no spooled record"):
        unpack(data)
