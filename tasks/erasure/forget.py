"""Forget: publish a version without certain rows and their children, and store the proof.

The rows are added to the data set's erasure list (`tasks/runs/erasure_list.py`), and the policy is run again. The run
drops them when it reads the source, even if the source still holds them. So all that was fitted on them - scaling,
neighbours, the verifier's models - is fitted again on the remaining rows, and their children are not made. Results that
do not depend on them are reused, rows keep their splits, and every later run applies the list too.

The proof is an object beside the list: the condition without its values, how many rows were erased, when and by whom,
salted hashes of their ids, and with a purge the purged versions and files. It is sent to MLflow as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from augmill.policies.errors import DataError, PolicyError, StorageError
from augmill.policies.load import load
from augmill.tasks.documents.version_document import RunLink
from augmill.tasks.erasure.row_selection import ErasureRequest, ErasureSelection, rules_of, select_again
from augmill.tasks.lineage.amend_run import add_file, add_to_spooled
from augmill.tasks.runs.components import catalogue
from augmill.tasks.runs.erasure_list import FOLDER, add, salt_of
from augmill.tasks.runs.manifest import Manifest
from augmill.tasks.versions.versions import Lake

PLACES = (".", "policies")


def selection_document(selection: ErasureSelection, request: ErasureRequest) -> dict[str, Any]:
    """What would be erased, as one JSON-able document."""
    real, children = selection.of_current()
    manifest = selection.current.manifest
    return {
        "dataset": manifest.dataset,
        "asked": request.shape,
        "version_before": selection.current.version,
        "rows": real,
        "children": children,
        "quarantined": selection.quarantined or max(0, sum(selection.raw.values()) - sum(real.values())),
        "versions_that_hold_them": selection.holding(),
    }


def refuse_only_old(selection: ErasureSelection, purge: bool) -> None:
    """Raise PolicyError if only older versions or the quarantine hold the rows, and `purge` is not set."""
    if not purge and selection.current.version not in selection.holding() and not selection.raw:
        versions = ", ".join(map(str, selection.holding()))
        dataset = selection.current.manifest.dataset
        if not versions:
            raise PolicyError(
                f"no version of {dataset} holds any of these rows, only its quarantine does",
                "Give --purge to remove them from there.",
            )
        raise PolicyError(
            f"{dataset}@{selection.current.version} holds none of these rows, only versions {versions} do",
            "Give --purge to remove them from there as well.",
        )


def policy_file(manifest: Manifest, path: Path | None) -> Path:
    """The policy to run again: `path`, or the file of the recorded name in the working directory or in `policies/`."""
    if path is not None:
        return path
    for place in PLACES:
        file = Path(place) / manifest.policy_name
        if file.is_file():
            return file
    raise PolicyError(
        f"the policy of {manifest.dataset} must run again, and {manifest.policy_name} is neither here nor in policies/",
        "Name it: --policy FILE.",
    )


def refuse_other(manifest: Manifest, file: Path, plugins: Path | None) -> None:
    """Raise PolicyError if the policy belongs to another data set, or cannot be read."""
    dataset = load(file, catalogue(plugins)).policy.dataset
    if dataset != manifest.dataset:
        raise PolicyError(f"{file} is the policy of {dataset}, not of {manifest.dataset}", "Name another: --policy.")


def add_to_list(lake: Lake, request: ErasureRequest, selection: ErasureSelection, *, at_ms: int, by: str) -> str:
    """Add the rows to the erasure list; returns the number of the entry. `at_ms`: milliseconds since 1970."""
    objects = lake.objects(selection.current.manifest.dataset)
    return add(objects, rules_of(objects, request, selection), {"asked": request.shape, "at_ms": at_ms, "by": by})


def confirm(lake: Lake, request: ErasureRequest, selection: ErasureSelection) -> int:
    """The number of the current version. Raises DataError if it holds one of the rows or a child of one."""
    remaining = select_again(lake, request, selection)
    if remaining.ids or remaining.children:
        count = sum(map(len, remaining.ids.values())) + sum(map(len, remaining.children.values()))
        raise DataError(
            f"{remaining.current.manifest.dataset}@{remaining.current.version} still holds {count} of the rows that "
            "were to be forgotten, or children of them",
            "Was a version published by a run that began before? Run the policy again.",
            {"files": sorted(remaining.ids.keys() | remaining.children.keys())},
        )
    return remaining.current.version


def keep_proof(lake: Lake, entry: str, selection: ErasureSelection, document: Mapping[str, Any]) -> dict[str, Any]:
    """Write the proof beside the entry of the list and return it."""
    objects = lake.objects(selection.current.manifest.dataset)
    salt = salt_of(objects)
    hashed = [hashlib.blake2b(name.encode(), key=salt, digest_size=16).hexdigest() for name in selection.all_ids]
    proof = {**document, "entry": entry, "hashes_of_ids": sorted(hashed)}
    objects.write(f"{FOLDER}/{entry}.proof.json", json.dumps(proof, sort_keys=True).encode())
    return proof


def record_proof(lake: Lake, proof: Mapping[str, Any], tracking_uri: str) -> str:
    """Add the proof to the MLflow record of the new version; returns where it is, or why it is not there."""
    dataset, version, content = proof["dataset"], proof["version"], json.dumps(proof, indent=1).encode()
    link = lake.record(dataset, version).get("mlflow") or {}
    tags = {"forgotten": proof["entry"], "forgotten_rows": str(sum(proof["rows"].values()))}
    try:
        if link.get("run_id"):
            add_file(tracking_uri, cast(RunLink, link), f"forgotten-{proof['entry']}.json", content, tags)
            return f"MLflow run {link['run_id']}"
        if add_to_spooled(lake.objects(dataset).sub("spool"), version, f"forgotten-{proof['entry']}.json", content):
            return "waits with the record of the version until MLflow answers"
    except StorageError as fault:  # the rows are erased and the lake has the proof, so this is no failure
        return f"not in MLflow: {fault.cause}"
    return "not in MLflow: the version has no record there"
