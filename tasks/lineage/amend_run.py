"""Change the MLflow run of a version that is recorded already: add a file to it, or take all its files away."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from augmill.policies.errors import StorageError
from augmill.tasks.documents.version_document import RunLink
from augmill.tasks.lineage.mlflow_run import connect, mlflow_errors
from augmill.tasks.lineage.payload import PREFIX
from augmill.tasks.lineage.spool import SUFFIX, pack, unpack
from augmill.tasks.storage.store import Store


def add_file(tracking_uri: str, link: RunLink, name: str, content: bytes, tags: Mapping[str, str]) -> None:
    """Put a file, and tags, beside the record of a version. Raises StorageError where MLflow does not answer."""
    with mlflow_errors(tracking_uri), tempfile.TemporaryDirectory(prefix="augmill-record-") as folder:
        client = connect(tracking_uri)
        file = Path(folder, name)
        file.write_bytes(content)
        client.log_artifact(link["run_id"], str(file))
        for key, value in tags.items():
            client.set_tag(link["run_id"], PREFIX + key, value)


def add_to_spooled(spool: Store, version: int, name: str, content: bytes) -> bool:
    """Put a file into the record of a version that waits to be sent; False where none waits."""
    names = [entry.name for entry in spool.list(f"{version:012d}-") if entry.name.endswith(SUFFIX)]
    for waiting in names:
        try:
            document, artifacts = unpack(spool.read(waiting))
        except ValueError as fault:
            raise StorageError(f"{spool.url(waiting)} is damaged", "Run the policy again.") from fault
        spool.write(waiting, pack(document, {**artifacts, name: content}))
    return bool(names)


def remove_files(tracking_uri: str, run_ids: Collection[str], tags: Mapping[str, str]) -> None:
    """Remove every artifact of some runs and tag them. Figures stay: they are counts. Raises StorageError as above."""
    if not run_ids:
        return
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    with mlflow_errors(tracking_uri):
        client = connect(tracking_uri)
        for run_id in run_ids:
            repository = get_artifact_repository(client.get_run(run_id).info.artifact_uri)
            for item in repository.list_artifacts():
                repository.delete_artifacts(item.path)  # type: ignore[no-untyped-call]
            for key, value in tags.items():
                client.set_tag(run_id, PREFIX + key, value)


def remove_spooled(spool: Store, versions: Collection[int]) -> None:
    """Remove what waits to be sent of some versions, and what was set aside as damaged: nobody can look into it."""
    numbers = {f"{version:012d}" for version in versions}
    for entry in list(spool.list()):
        if entry.name.rpartition("/")[2].partition("-")[0] in numbers:
            spool.delete(entry.name)
