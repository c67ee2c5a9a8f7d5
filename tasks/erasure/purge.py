"""Purge: remove erased rows from all objects of old versions, so that no object holds them any more.

Delta's history is immutable, so a row cannot be removed from a version that stays. Every version that holds one of the
rows, or a child of one, is marked as purged, cannot be read from then on, and loses all files that no other version
has. These are removed too:

* work shards that the remaining versions do not name, and those among the others that hold a row;
* reports, spooled records and MLflow artifacts of the purged versions, and of those that vacuum has removed, because
  their rows cannot be checked any more;
* recipes of such versions, and what their manifests and records say of single rows;
* entries of the rows in the ledger of splits;
* the rows in the quarantine table, whose files are written again.

Channels that name a purged version move to the new one. The raw source is not changed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import pyarrow.compute as pc

from augmill.policies.errors import PolicyError, StorageError
from augmill.tasks.erasure.row_selection import ErasureRequest, ErasureSelection, widen
from augmill.tasks.erasure.table_purge import forget_bonds, rewrite_quarantine
from augmill.tasks.lineage.amend_run import remove_files, remove_spooled
from augmill.tasks.pages.data_card import croissant_name
from augmill.tasks.rows.provenance import REAL, RECIPE_HASH
from augmill.tasks.runs.manifest import METADATA_KEY, Manifest
from augmill.tasks.runs.request import record_name
from augmill.tasks.storage import channels, json_objects, leases, tombstones
from augmill.tasks.storage.delta import Table
from augmill.tasks.storage.delta_files import by_version, data_files
from augmill.tasks.storage.leases import CLEANING
from augmill.tasks.storage.tombstones import PURGED, Gone
from augmill.tasks.versions import reachability
from augmill.tasks.versions.lineage_pages import rewrite_pages
from augmill.tasks.versions.vacuum import busy, signs_of_life
from augmill.tasks.versions.versions import Lake

FORGOTTEN = "its version was purged"
KEPT_OF_RECORD = ("dataset", "version", "parent_version", "run_id", "started_unix", "policy_hash", "mlflow")
KEPT_OF_FIGURES = ("rows", "classes", "checks", "steps", "rates", "verifier", "gates", "lint")


@dataclass(frozen=True)
class Purge:
    """One purge: the rows, the entry of the erasure list, the time in milliseconds since 1970, the user, and MLflow."""

    lake: Lake
    request: ErasureRequest
    selection: ErasureSelection
    entry: str
    at_ms: int
    by: str
    tracking_uri: str


def refuse_pinned(lake: Lake, selection: ErasureSelection) -> None:
    """Raise PolicyError if a version that would be purged is pinned."""
    dataset = selection.current.manifest.dataset
    pinned = sorted(lake.pins(dataset).keys() & set(selection.holding()))
    if pinned:
        names = ", ".join(f"{dataset}@{version}" for version in pinned)
        raise PolicyError(
            f"{names} hold such rows and are pinned", f"Take the pin away first: augmill pin {names} --remove"
        )


def purge(job: Purge) -> dict[str, Any]:
    """Remove the rows everywhere; returns what was removed. Raises StorageError if a run is active or MLflow is down.

    After a failure the same command continues where it stopped.
    """
    lake, dataset = job.lake, job.selection.current.manifest.dataset
    objects = lake.objects(dataset)
    with leases.held(signs_of_life(objects), CLEANING, f"purge by {job.by}") as lease:
        reason = busy(lease)
        if reason:
            raise StorageError(
                f"nothing was purged from {dataset}: {reason}",
                "Give the same command when that has ended. "
                f"A run that was killed counts for {leases.ALIVE_SECONDS:.0f} seconds more.",
                transient=True,
            )
        widen(lake, job.request, job.selection)
        versions = job.selection.holding()
        remaining = {
            version: manifest for version, manifest in job.selection.manifests.items() if version not in versions
        }
        raw_shards = set(_raw_shards_with_rows(job))
        page_versions = _versions_with_pages(job, versions, raw_shards)
        remove_spooled(objects.sub("spool"), page_versions)
        links = [lake.record(dataset, version).get("mlflow") or {} for version in page_versions]
        remove_files(job.tracking_uri, [link["run_id"] for link in links if link.get("run_id")], {"purged": job.entry})
        moved = _move_channels(job, versions)
        # The same command finds the rows again only while the versions can be read: so these and their files go last.
        quarantined = rewrite_quarantine(lake, dataset, job.request, job.selection, job.entry, at_ms=job.at_ms)
        bonds = forget_bonds(lake, dataset, job.selection)
        work = _remove_work(job, remaining, raw_shards)
        _remove_row_details(job, remaining, versions, page_versions)
        rewrite_pages(lake, dataset, versions, job.tracking_uri, job.at_ms)
        for version in versions:
            tombstones.mark(objects.sub("gone"), Gone(version, PURGED, job.at_ms, job.by))
        files = remove_data(lake, dataset)
    return {
        "versions": versions,
        "channels_moved": moved,
        "files": sorted(files),
        "work_objects": work,
        "quarantined_rows": quarantined,
        "pages_of_versions": page_versions,
        "ledger_entries": bonds,
    }


def _versions_with_pages(job: Purge, versions: Collection[int], raw_shards: Collection[str]) -> list[int]:
    """Versions whose pages may show one of the rows: those that hold or quarantined it, and those removed earlier."""
    dataset = job.selection.current.manifest.dataset
    read = {
        version
        for version, manifest in job.selection.manifests.items()
        if any(str(shard["raw"]) in raw_shards for shard in manifest.valid)
    }
    return sorted(read.union(versions, job.lake.tombstones(dataset)))


def _raw_shards_with_rows(job: Purge) -> list[str]:
    """Raw shards of any version that hold one of the rows."""
    work = job.lake.objects(job.selection.current.manifest.dataset).sub("work")
    shards = []
    for entry in work.list("raw/"):
        shard, _, kind = entry.name.partition(".")
        if kind == "faults.parquet":
            lines = work.read_table(entry.name, ["text"])["text"].to_pylist()
            shards += [shard] * any(job.request.mentions(line) for line in lines)
        elif kind == "parquet":
            shards += [shard] * job.selection.holds(work.read_table(entry.name), job.request)
    return shards


def _move_channels(job: Purge, versions: Collection[int]) -> dict[str, int]:
    """Point channels that name a version to be purged to the current one, so that training jobs can still read."""
    dataset = job.selection.current.manifest.dataset
    store, now = job.lake.objects(dataset).sub("channels"), job.lake.find(dataset).version
    moved = {}
    for name in channels.channels(store):
        move = channels.current(store, name)
        if move is not None and move.version in versions:
            channels.move(store, name, now, move, at_ms=job.at_ms, reason=FORGOTTEN, run_id=f"forgotten by {job.by}")
            moved[name] = move.version
    return moved


def finish(lake: Lake, dataset: str, by: str) -> None:
    """Remove the remaining data files of versions that a killed purge had marked already."""
    if any(tombstone.reason == PURGED for tombstone in lake.tombstones(dataset).values()):
        with leases.held(signs_of_life(lake.objects(dataset)), CLEANING, f"purge by {by}") as lease:
            if not busy(lease):
                remove_data(lake, dataset)


def remove_data(lake: Lake, dataset: str) -> set[str]:
    """Remove every data file that no remaining version holds; returns those that removed versions held."""
    store, removed_versions = lake.store.sub(dataset), lake.tombstones(dataset)
    files_by_version = by_version(Table(store))
    needed_files = set().union(
        *(files for version, files in files_by_version.items() if version not in removed_versions)
    )
    lost = {path for version in removed_versions for path in files_by_version.get(version, ())}
    stray = data_files(store).keys() - needed_files
    reachability.delete(store, sorted(stray))
    return lost & stray


def _remove_work(job: Purge, remaining: Mapping[int, Manifest], raw_shards: Collection[str]) -> int:
    """Remove work objects that the remaining versions do not name, and those that hold a row; returns how many."""
    work = job.lake.objects(job.selection.current.manifest.dataset).sub("work")
    groups = reachability.groups(work)
    texts = (json.dumps(manifest.to_json()) for manifest in remaining.values())
    needed = reachability.needed_groups(work, groups, texts, inf)
    raw_groups = {reachability.group_of(name) for name in raw_shards}
    valid_shards = [shard for manifest in remaining.values() for shard in manifest.valid]
    valid_groups = {
        reachability.group_of(str(shard["name"]))
        for shard in valid_shards
        if reachability.group_of(str(shard["raw"])) in raw_groups
    }
    stays = needed - raw_groups - valid_groups
    names = [entry.name for name, group in groups.items() for entry in group.objects if name not in stays]
    for part in reachability.in_order(names):
        reachability.delete(work, part)
    return len(names)


def _remove_row_details(
    job: Purge, remaining: Mapping[int, Manifest], versions: Collection[int], page_versions: Collection[int]
) -> None:
    """Remove pages and recipes, and from manifests and records all that they say of single rows."""
    dataset = job.selection.current.manifest.dataset
    objects = job.lake.objects(dataset)
    # After `reports/` follows a version, or the key of a failed run; pages of failed runs are all removed.
    reports = {entry.name: entry.name[8:16] for entry in objects.list("reports/")}
    pages = [name for name, about in reports.items() if not about.isdecimal() or int(about) in page_versions]
    reachability.delete(job.lake.store.sub(dataset), [croissant_name(version) for version in page_versions])
    recipes = {f"recipes/{name}.json" for name in _recipe_hashes(job, remaining)}
    old = [entry.name for entry in objects.list("recipes/") if entry.name not in recipes]
    reachability.delete(objects, [*pages, *old])
    for commit in Table(job.lake.store.sub(dataset)).history():
        if commit.version not in versions:
            continue
        manifest = json_objects.document(objects, commit.metadata[METADATA_KEY])
        figures = {key: value for key, value in manifest["figures"].items() if key in KEPT_OF_FIGURES}
        figures["checks"] = [{**check, "failing": []} for check in figures.get("checks", ())]
        text = json.dumps({**manifest, "figures": figures}, sort_keys=True)
        objects.write(commit.metadata[METADATA_KEY], text.encode())
        if objects.exists(record_name(commit.version)):
            record = json_objects.document(objects, record_name(commit.version))
            rest = {key: record.get(key) for key in KEPT_OF_RECORD}
            objects.write(record_name(commit.version), json.dumps(rest, sort_keys=True).encode())


def _recipe_hashes(job: Purge, remaining: Mapping[int, Manifest]) -> set[str]:
    """The recipes of children that remaining versions hold: each file has one."""
    store = job.lake.store.sub(job.selection.current.manifest.dataset)
    paths = {file.path for manifest in remaining.values() for file in manifest.data_files if file.origin != REAL}
    hashes: set[str] = set()
    for path in sorted(paths):
        hashes.update(pc.unique(store.read_table(path, columns=[RECIPE_HASH])[RECIPE_HASH]).to_pylist())
    return hashes
