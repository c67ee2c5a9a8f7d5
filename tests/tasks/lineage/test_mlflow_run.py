import json
import time

import pytest

from augmill.policies.errors import StorageError
from augmill.tasks.documents.service_levels import measure
from augmill.tasks.lineage.mlflow_run import prepare, record

# MLflow's own models use it; the fault is theirs and does no harm.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


@pytest.fixture(params=["sqlite", "server"])
def tracking_uri(request, store_uri):
    return store_uri if request.param == "sqlite" else request.getfixturevalue("mlflow_server").uri


def client_of(uri):
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri)


def artifact_names(client, run_id, folder=None):
    names = []
    for entry in client.list_artifacts(run_id, folder):
        names += artifact_names(client, run_id, entry.path) if entry.is_dir else [entry.path]
    return sorted(names)


def test_a_version_becomes_a_run_with_inputs_figures_tags_artifacts_and_a_trace(tracking_uri, document):
    document["slis"] = measure(document)
    link = record(document, tracking_uri, {"data_card.html": b"<p>hello</p>", "reports/x.json": b"{}"})
    client = client_of(tracking_uri)
    experiment = client.get_experiment(link["experiment_id"])
    assert experiment.name == "oil-spill"
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    run = client.get_run(link["run_id"])
    assert (run.info.run_name, run.info.status) == ("oil-spill@12", "FINISHED")
    assert (run.info.start_time, run.info.end_time) == (1_763_700_000_000, 1_763_700_012_500)
    assert run.data.params["steps.0.transforms.0.use"] == "tabular.smote"
    assert run.data.metrics["rows/train/synthetic/1"] == 180
    assert run.data.tags["augmill.policy_hash"] == "9f2c" * 16
    inputs = {item.dataset.name: item for item in run.inputs.dataset_inputs}
    assert set(inputs) == {"oil-spill@12", "oil.csv", "oil-spill@11"}
    assert json.loads(inputs["oil-spill@12"].dataset.source) == {"path": "/lake/oil-spill", "delta_table_version": 12}
    assert artifact_names(client, link["run_id"]) == ["data_card.html", "reports/x.json"]
    (trace,) = client.search_traces(locations=[link["experiment_id"]], run_id=link["run_id"])
    stages = {span.name: (span.end_time_ns - span.start_time_ns) / 1e9 for span in trace.data.spans}
    assert stages == pytest.approx({"run": 12.5, "ingest": 0.5, "augment": 0.5, "publish": 0.5})
    client.delete_experiment(link["experiment_id"])
    with pytest.raises(StorageError, match="is deleted"):
        record(document, tracking_uri, {})
    client.restore_experiment(link["experiment_id"])


def test_the_same_version_twice_is_one_run(store_uri, document, tmp_path):
    first = record(document, store_uri, {"a.txt": b"1"})
    assert record(document, store_uri, {"a.txt": b"2"}) == first
    client = client_of(store_uri)
    assert len(client.search_runs([first["experiment_id"]])) == 1
    kept = tmp_path / "home" / "mlartifacts" / "oil-spill" / first["run_id"] / "artifacts" / "a.txt"
    assert kept.read_bytes() == b"1"
    assert len(client.search_traces(locations=[first["experiment_id"]])) == 1


def test_another_content_under_the_same_number_is_another_run(store_uri, document):
    first = record(document, store_uri, {})
    second = record(document | {"version_digest": "00" * 32}, store_uri, {})
    assert first["run_id"] != second["run_id"]


def test_a_run_that_a_killed_process_left_open_is_completed(store_uri, document):
    link = record(document, store_uri, {})
    client = client_of(store_uri)
    client.update_run(link["run_id"], status="RUNNING")
    assert record(document, store_uri, {"late.txt": b"x"}) == link
    run = client.get_run(link["run_id"])
    assert run.info.status == "FINISHED"
    assert len(run.inputs.dataset_inputs) == 3
    assert artifact_names(client, link["run_id"]) == ["late.txt"]


def test_a_version_links_to_the_run_of_its_parent(store_uri, make_document):
    parent = record(make_document(11, None), store_uri, {})
    child = record(make_document(12, 11), store_uri, {})
    run = client_of(store_uri).get_run(child["run_id"])
    assert run.data.tags["augmill.parent_run_id"] == parent["run_id"]
    assert f"/runs/{parent['run_id']}" in run.data.tags["mlflow.note.content"]


def test_the_artifacts_lie_beside_the_database_and_not_in_the_working_directory(store_uri, document, tmp_path):
    link = record(document, store_uri, {"a.txt": b"1"})
    place = tmp_path / "home" / "mlartifacts" / "oil-spill" / link["run_id"] / "artifacts" / "a.txt"
    assert place.read_bytes() == b"1"


def test_no_credential_reaches_the_store_or_the_artifacts(store_uri, document, tmp_path):
    secret = "https://me:hunter2@host/raw.csv?X-Amz-Signature=hunter2"
    document["inputs"][0]["uri"] = secret
    document["policy"]["source"] = {"uri": secret}
    document["policy"]["description"] = f"from {secret}"
    document["table_uri"] = "s3://AKIAABCDEFGHIJKLMNOP:hunter2@lake/oil-spill"
    record(document, store_uri, {"page.html": f"<a>{secret}</a>".encode()})
    files = [file for file in (tmp_path / "home").rglob("*") if file.is_file()]
    assert len(files) >= 2
    for file in files:
        assert b"hunter2" not in file.read_bytes()
        assert b"AKIA" not in file.read_bytes()


def test_a_policy_of_hundreds_of_long_values_is_sent_in_parts(mlflow_server, document):
    document["dataset"] = "many-values"
    document["policy"]["steps"] = [{"name": f"step-{i}", "note": "ü" * 5000} for i in range(45)]
    document["policy"]["list"] = [{f"k{j}": j for j in range(40)} for _ in range(10)]
    link = record(document, mlflow_server.uri, {})
    assert len(client_of(mlflow_server.uri).get_run(link["run_id"]).data.params) > 480


def test_a_server_that_is_down_is_a_transient_fault_told_within_seconds(document):
    began = time.monotonic()
    with pytest.raises(StorageError, match="does not answer") as fault:
        record(document, "http://127.0.0.1:9", {})
    assert fault.value.transient
    assert time.monotonic() - began < 60  # not the minutes of MLflow's own retries; far from a timing test


def test_a_store_that_cannot_be_opened_is_a_storage_error_and_preparing_it_never_fails(document, tmp_path):
    (tmp_path / "home").write_text("a file where a folder is needed")
    uri = f"sqlite:///{tmp_path / 'home' / 'mlflow.db'}"
    prepare(uri)
    with pytest.raises(StorageError):
        record(document, uri, {})


def test_a_database_of_another_mlflow_names_the_remedy(store_uri, document, tmp_path):
    import sqlite3

    prepare(store_uri)
    copy = tmp_path / "other.db"
    with sqlite3.connect(tmp_path / "home" / "mlflow.db") as source, sqlite3.connect(copy) as target:
        source.backup(target)
        target.execute("UPDATE alembic_version SET version_num = 'somewhere-else'")
    target.close()
    source.close()
    with pytest.raises(StorageError, match="another MLflow version") as fault:
        record(document, f"sqlite:///{copy}", {})
    assert "mlflow db upgrade" in fault.value.remedy
