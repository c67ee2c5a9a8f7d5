"""The manifest of a version: all that the next run, `show` and the record need to know, as one immutable object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from augmill.policies.errors import StorageError
from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.runs.descriptors import DataFile, Described
from augmill.tasks.storage import json_objects
from augmill.tasks.storage.delta import Snapshot, Table
from augmill.tasks.storage.error_mapping import redact
from augmill.tasks.storage.store import Store

METADATA_KEY = "augmill.manifest"
RUN_KEY = "augmill.run_key"
RUN_ID = "augmill.run_id"


@dataclass(frozen=True)
class Manifest(Described):
    """What a version was made from and what it holds. Holds no time, host or run id: equal runs, equal manifests.

    `ledger` names the segments of published splits under `salt`; `valid` the validated shards (append mode
    goes on from them); `files` the data files; `figures` what the report and the record show; `code` is the hash of
    augmill's own source and the plug-ins; `pii_key` the fingerprint of the key that columns were hashed with;
    `production` the sample that the drift gate looked at, its `uri` and its `objects`.
    """

    dataset: str
    run_key: str
    policy_name: str
    policy_text: str
    policy: dict[str, Any]
    policy_hash: str
    suite_text: str
    fingerprint: dict[str, str]
    git_commit: str | None
    inputs: list[dict[str, Any]]
    types: dict[str, str]
    salt: str
    ledger: list[str]
    valid: list[dict[str, Any]]
    files: list[dict[str, Any]]
    figures: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    pii_key: str = ""
    production: dict[str, Any] = field(default_factory=dict)

    @property
    def data_files(self) -> list[DataFile]:
        """The data files as descriptors."""
        return [DataFile.from_json(document) for document in self.files]

    def write(self, objects: Store) -> str:
        """Keep the manifest under the hash of its content; returns the name."""
        document = self.to_json()
        name = f"versions/{hash_of(document)}.json"
        objects.write(name, json.dumps(document, sort_keys=True).encode())
        return name


@dataclass(frozen=True)
class Published:
    """A version of the table together with its manifest."""

    snapshot: Snapshot
    manifest: Manifest

    @property
    def version(self) -> int:
        """The version's number."""
        return self.snapshot.version


def published(table: Store, objects: Store, version: int | None = None) -> Published | None:
    """The current version, or the given one, with its manifest; None where nothing was published yet."""
    delta = Table(table)
    snapshot = delta.current() if version is None else delta.snapshot(version)
    if snapshot is None:
        return None
    return Published(snapshot, manifest_of(objects, snapshot.metadata, f"{table.uri} at version {snapshot.version}"))


def manifest_of(objects: Store, metadata: Mapping[str, str], version: str) -> Manifest:
    """The manifest that a commit names. Raises StorageError where it is damaged, or the commit is not augmill's."""
    if METADATA_KEY not in metadata:
        raise StorageError(
            f"{redact(version)} was not written by augmill",
            "restore the table from a backup, and let nothing but augmill write to it",
        )
    return json_objects.read(objects, metadata[METADATA_KEY], Manifest, json_objects.RESTORE)
