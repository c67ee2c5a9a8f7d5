"""Write one published version to MLflow: one experiment per dataset, one run per version, sent once however often.

A run is found again by its `augmill.record` tag. One that was finished is left alone; one that a killed process
left open is completed. Everything is redacted here, on its way out, whatever the caller handed in.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augmill.policies.errors import StorageError
from augmill.tasks.cards.card import experiment_note, note
from augmill.tasks.documents.mlflow_view import KIND, view_tag
from augmill.tasks.documents.version_document import RunLink, VersionDocument
from augmill.tasks.lineage.database import create_database, database_file
from augmill.tasks.lineage.inputs import as_json, data_inputs
from augmill.tasks.lineage.mlflow_trace import bounds, log_trace
from augmill.tasks.lineage.payload import PREFIX, RECORD, metrics, params, record_key, tags
from augmill.tasks.sanitize.redact import redact, redact_all, redact_text

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Run
    from mlflow.tracking import MlflowClient

TEXT_SUFFIXES = (".md", ".html", ".svg", ".json", ".yaml", ".yml", ".txt", ".csv", ".jsonl")
PROBE_SECONDS = 5
MAX_REQUEST_CHARACTERS = 600_000
MAX_PER_BATCH = 100
MAX_METRICS_PER_BATCH = 900


def record(document: VersionDocument, tracking_uri: str, artifacts: Mapping[str, bytes]) -> RunLink:
    """Record a finished run. The same version twice gives the same MLflow run.

    `artifacts` are files by relative name. Raises StorageError, transient when the server does not answer.
    """
    clean: VersionDocument = redact_all(document)
    with mlflow_errors(tracking_uri):
        client = connect(tracking_uri)
        experiment_id = _experiment(client, tracking_uri, clean)
        run = _find(client, experiment_id, RECORD, record_key(clean))
        if run is None or run.info.status == "RUNNING":
            run = _write(client, experiment_id, run, clean, artifacts)
        return {"tracking_uri": redact(tracking_uri), "experiment_id": experiment_id, "run_id": run.info.run_id}


def prepare(tracking_uri: str) -> None:
    """Import MLflow and open the store, which creates a fresh database: seconds that a thread can spend early.

    Never raises: whatever is wrong shows when the record is written.
    """
    try:
        with mlflow_errors(tracking_uri):
            connect(tracking_uri).search_experiments(max_results=1)
    except StorageError:
        return


def connect(tracking_uri: str) -> MlflowClient:
    """A client of the store at the URI. A server is asked once, shortly, whether it is there at all."""
    from mlflow.tracking import MlflowClient

    if tracking_uri.startswith(("http://", "https://")):
        _probe(tracking_uri)
    elif database := database_file(tracking_uri):
        create_database(database)
    return MlflowClient(tracking_uri=tracking_uri)


@contextmanager
def mlflow_errors(tracking_uri: str) -> Iterator[None]:
    """Turn what MLflow, its database and its HTTP client raise into StorageError."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlflowException as fault:
        raise _refused(tracking_uri, fault) from fault
    except (RequestException, SQLAlchemyError, sqlite3.Error, OSError) as fault:
        raise _down(tracking_uri, fault) from fault


def _write(
    client: MlflowClient, experiment_id: str, run: Run | None, document: VersionDocument, artifacts: Mapping[str, bytes]
) -> Run:
    from mlflow.entities import RunTag

    start, end = bounds(document)
    parent = _parent_run(client, experiment_id, document)
    if run is None:
        run = _create(client, experiment_id, document, start)
    run_id = run.info.run_id
    text = redact_text(note(document, experiment_id, run_id, parent, artifacts.keys()))
    near = {"mlflow.note.content": text, **({PREFIX + "parent_run_id": parent} if parent else {})}
    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in near.items()])
    _log_figures(client, run_id, document, int(end * 1e3))
    client.log_inputs(run_id, datasets=_datasets(document))
    _log_artifacts(client, run_id, artifacts)
    log_trace(client.tracking_uri, experiment_id, run_id, document)
    client.set_terminated(run_id, status="FINISHED", end_time=int(end * 1e3))
    return run


def _create(client: MlflowClient, experiment_id: str, document: VersionDocument, start: float) -> Run:
    return client.create_run(
        experiment_id,
        start_time=int(start * 1e3),
        run_name=f"{document['dataset']}@{document['version']}",
        tags=tags(document),
    )


def _parent_run(client: MlflowClient, experiment_id: str, document: VersionDocument) -> str | None:
    if document.get("parent_version") is None or document.get("parent_mlflow_run_id"):
        return document.get("parent_mlflow_run_id")
    table = f"tags.`{PREFIX}table_uri` = '{_quoted(document['table_uri'])}'"
    run = _find(client, experiment_id, PREFIX + "version", str(document["parent_version"]), table)
    return run.info.run_id if run else None


def _log_figures(client: MlflowClient, run_id: str, document: VersionDocument, at_ms: int) -> None:
    from mlflow.entities import Metric, Param

    figures = [Metric(key, value, at_ms, 0) for key, value in metrics(document).items()]
    param_batches = _batches([Param(key, value) for key, value in params(document).items()])
    client.log_batch(run_id, metrics=figures[:MAX_METRICS_PER_BATCH], params=next(param_batches, []))
    for batch in param_batches:
        client.log_batch(run_id, params=batch)
    for begin in range(MAX_METRICS_PER_BATCH, len(figures), MAX_METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=figures[begin : begin + MAX_METRICS_PER_BATCH])


def _batches(entries: list[Any]) -> Iterator[list[Any]]:
    """Parameters in requests MLflow takes: at most 100 of them and a megabyte, where a character may need six."""
    batch: list[Any] = []
    for entry in entries:
        size = sum(len(other.key) + 6 * len(other.value) for other in [*batch, entry])
        if batch and (len(batch) == MAX_PER_BATCH or size > MAX_REQUEST_CHARACTERS):
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch


def _datasets(document: VersionDocument) -> list[DatasetInput]:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return [
        DatasetInput(
            Dataset(
                name=item.name,
                digest=item.digest,
                source_type=item.source_type,
                source=as_json(item.source) or "{}",
                schema=as_json(item.schema),
                profile=as_json(item.profile),
            ),
            [InputTag(key, value) for key, value in item.tags.items()],
        )
        for item in data_inputs(document)
    ]


def _log_artifacts(client: MlflowClient, run_id: str, artifacts: Mapping[str, bytes]) -> None:
    with tempfile.TemporaryDirectory(prefix="augmill-record-") as folder:
        for name, content in artifacts.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_clean_bytes(name, content))
        if artifacts:
            client.log_artifacts(run_id, folder)


def _clean_bytes(name: str, content: bytes) -> bytes:
    if not name.endswith(TEXT_SUFFIXES):
        return content
    return redact_text(content.decode("utf-8", errors="replace")).encode()


def _experiment(client: MlflowClient, tracking_uri: str, document: VersionDocument) -> str:
    from mlflow.exceptions import MlflowException

    name = document["dataset"]
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client.create_experiment(name, _artifact_root(tracking_uri, name), _experiment_tags(document)))
        except MlflowException:
            experiment = client.get_experiment_by_name(name)  # another process was first
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        remedy = f"Restore it: mlflow experiments restore --experiment-id {experiment.experiment_id}"
        raise StorageError(f"The MLflow experiment {name} is deleted.", remedy)
    for key, value in _view_tags(document).items():
        if key not in experiment.tags:
            client.set_experiment_tag(experiment.experiment_id, key, value)
    return str(experiment.experiment_id)


def _experiment_tags(document: VersionDocument) -> dict[str, str]:
    text = experiment_note(document)
    return {**_view_tags(document), **({"mlflow.note.content": text} if text else {})}


def _view_tags(document: VersionDocument) -> dict[str, str]:
    return {**KIND, **view_tag(bounds(document)[0])}


def _artifact_root(tracking_uri: str, dataset: str) -> str | None:
    """Beside the database for SQLite, where MLflow's default is the working directory; a server knows its own."""
    database = database_file(tracking_uri)
    return (database.parent / "mlartifacts" / dataset).as_uri() if database else None


def _find(client: MlflowClient, experiment_id: str, tag: str, value: str, condition_suffix: str = "") -> Run | None:
    condition = f"tags.`{tag}` = '{_quoted(value)}'" + (f" AND {condition_suffix}" if condition_suffix else "")
    runs = client.search_runs([experiment_id], condition, max_results=1, order_by=["attributes.start_time DESC"])
    return runs[0] if runs else None


def _quoted(text: str) -> str:
    # MLflow's filter language has no escape for a quote; such a path finds no parent, which is only a missing link.
    return text.replace("'", "_")


def _probe(tracking_uri: str) -> None:
    """Ask whether the server answers at all; its own requests would be retried for minutes."""
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    credentials = get_default_host_creds(tracking_uri.rstrip("/"))  # type: ignore[no-untyped-call]
    answer = http_request(  # type: ignore[no-untyped-call]
        credentials,
        "/health",
        "GET",
        max_retries=0,
        timeout=PROBE_SECONDS,
        raise_on_status=False,
    )
    if answer.status_code in (502, 503, 504):
        raise ConnectionError(f"it answers {answer.status_code}")


_SERVER_SIDE = ("TEMPORARILY_UNAVAILABLE", "INTERNAL_ERROR", "DEADLINE_EXCEEDED", "REQUEST_LIMIT_EXCEEDED")


def _refused(tracking_uri: str, fault: Any) -> StorageError:
    if "out-of-date database schema" in fault.message:
        remedy = f"Back the database up, then: mlflow db upgrade {redact(tracking_uri)}"
        return StorageError(f"The MLflow store at {redact(tracking_uri)} was made by another MLflow version.", remedy)
    if "failed with exception" in fault.message or fault.error_code in _SERVER_SIDE:
        return _down(tracking_uri, fault)
    cause = f"MLflow at {redact(tracking_uri)} refused the record: {_first_line(fault.message)}"
    return StorageError(cause, "See the cause; AUGMILL_TRACKING_URI names the store.")


def _down(tracking_uri: str, fault: Exception) -> StorageError:
    cause = f"MLflow at {redact(tracking_uri)} does not answer: {_first_line(str(fault))}"
    remedy = "Start it, or set AUGMILL_TRACKING_URI; the next run sends what is spooled."
    return StorageError(cause, remedy, transient=True)


def _first_line(text: str) -> str:
    return redact_text((text.strip().splitlines() or [""])[0])[:300]
