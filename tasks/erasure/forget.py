"""Forget: publish a version without certain rows and all that was made of them, and keep the proof.

The rows go onto the data set's list (`tasks/runs/erasure_list.py`), and the policy is run again. The run drops them as
it reads the source, whatever the source still holds, so all that was learned from them - scaling, neighbours, the
verifier's models - is learned anew from what is left, and their children are not made. What they did not touch is
reused, rows keep their splits, and every later run keeps to the list.

The proof is an object beside the list: what kind of question was asked (never its values), how many rows went, when
and by whom, salted hashes of their ids, and with a purge which versions and files. It goes to MLflow as well.
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
    """What would go, as one JSON-able document."""
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
    """Raise PolicyError where only older versions or the quarantine hold the rows, and are not to be purged."""
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
    """The policy to run again: the given file, or the one of the recorded name here or in `policies/`."""
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
    """Raise PolicyError where the policy is that of another data set, or cannot be read."""
    dataset = load(file, catalogue(plugins)).policy.dataset
    if dataset != manifest.dataset:
        raise PolicyError(f"{file} is the policy of {dataset}, not of {manifest.dataset}", "Name another: --policy.")


def add_to_list(lake: Lake, request: ErasureRequest, selection: ErasureSelection, *, at_ms: int, by: str) -> str:
    """Put the rows on the list for good; returns the number of the entry. `at_ms`: milliseconds since 1970."""
    objects = lake.objects(selection.current.manifest.dataset)
    return add(objects, rules_of(objects, request, selection), {"asked": request.shape, "at_ms": at_ms, "by": by})


def confirm(lake: Lake, request: ErasureRequest, selection: ErasureSelection) -> int:
    """The current version, once it is sure that it holds none of the rows and no child of one. DataError if it does."""
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
    """Put the proof beside the record of the new version; says where it went, or why it did not."""
    dataset, version, content = proof["dataset"], proof["version"], json.dumps(proof, indent=1).encode()
    link = lake.record(dataset, version).get("mlflow") or {}
    tags = {"forgotten": proof["entry"], "forgotten_rows": str(sum(proof["rows"].values()))}
    try:
        if link.get("run_id"):
            add_file(tracking_uri, cast(RunLink, link), f"forgotten-{proof['entry']}.json", content, tags)
            return f"MLflow run {link['run_id']}"
        if add_to_spooled(lake.objects(dataset).sub("spool"), version, f"forgotten-{proof['entry']}.json", content):
            return "waits with the record of the version until MLflow answers"
    except StorageError as fault:  # the rows are gone and the lake has the proof: that is no failure
        return f"not in MLflow: {fault.cause}"
    return "not in MLflow: the version has no record there"
