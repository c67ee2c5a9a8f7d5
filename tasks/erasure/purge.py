"""Purge: remove forgotten rows from everything that old versions have left, so that no object holds them any more.

Delta's history is immutable, so a version cannot be kept and rid of a row. Every version that holds one of the rows,
or a child of one, is marked as purged, refuses to be read from then on, and loses all files that no other version
has. With them go: work shards that the remaining versions do not name, and those among the rest that hold a row;
reports, spooled records and MLflow artifacts of the versions concerned, and of those that vacuum has removed, whose
rows nobody can look at any more; recipes and notes of such versions; the rows' traces in the ledger of splits; and
the rows in the quarantine table, whose files are written anew. Channels that name a purged version move to the new
one. The raw source is not ours to change.
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
from augmill.tasks.versions.lineage_pages import write_anew
from augmill.tasks.versions.vacuum import busy, live
from augmill.tasks.versions.versions import Lake

FORGOTTEN = "its version was purged"
KEPT_OF_RECORD = ("dataset", "version", "parent_version", "run_id", "started_unix", "policy_hash", "mlflow")
KEPT_OF_FIGURES = ("rows", "classes", "checks", "steps", "rates", "verifier", "gates", "lint")


@dataclass(frozen=True)
class Purge:
    """What is asked: which rows, under which entry of the list, when and by whom; and where MLflow is."""

    lake: Lake
    asked: ErasureRequest
    chosen: ErasureSelection
    entry: str
    at_ms: int
    by: str
    tracking_uri: str


def refuse_pinned(lake: Lake, chosen: ErasureSelection) -> None:
    """Raise PolicyError where a version that would be purged is pinned: somebody wants it kept."""
    dataset = chosen.current.manifest.dataset
    pinned = sorted(lake.pins(dataset).keys() & set(chosen.holding()))
    if pinned:
        names = ", ".join(f"{dataset}@{version}" for version in pinned)
        raise PolicyError(
            f"{names} hold such rows and are pinned", f"Take the pin away first: augmill pin {names} --remove"
        )


def purge(job: Purge) -> dict[str, Any]:
    """Remove the rows everywhere; returns what went. Raises StorageError where a run is under way, or MLflow is down.

    Whatever is done stays done: the same command goes on from there.
    """
    lake, dataset = job.lake, job.chosen.current.manifest.dataset
    objects = lake.objects(dataset)
    with leases.held(live(objects), CLEANING, f"purge by {job.by}") as lease:
        reason = busy(lease)
        if reason:
            raise StorageError(
                f"nothing was purged from {dataset}: {reason}",
                "Give the same command when that has ended. "
                f"A run that was killed counts for {leases.ALIVE_SECONDS:.0f} seconds more.",
                transient=True,
            )
        widen(lake, job.asked, job.chosen)
        versions = job.chosen.holding()
        left = {version: one for version, one in job.chosen.manifests.items() if version not in versions}
        hits = set(_raw_hits(job))
        shown = _shown(job, versions, hits)
        remove_spooled(objects.sub("spool"), shown)
        links = [lake.record(dataset, version).get("mlflow") or {} for version in shown]
        remove_files(job.tracking_uri, [link["run_id"] for link in links if link.get("run_id")], {"purged": job.entry})
        moved = _move_channels(job, versions)
        # While the versions can be read the same command finds the rows again; so they and their files go last.
        quarantined = rewrite_quarantine(lake, dataset, job.asked, job.chosen, job.entry, at_ms=job.at_ms)
        bonds = forget_bonds(lake, dataset, job.chosen)
        work = _remove_work(job, left, hits)
        _remove_notes(job, left, versions, shown)
        write_anew(lake, dataset, versions, job.tracking_uri, job.at_ms)
        for version in versions:
            tombstones.mark(objects.sub("gone"), Gone(version, PURGED, job.at_ms, job.by))
        files = remove_data(lake, dataset)
    return {
        "versions": versions,
        "channels_moved": moved,
        "files": sorted(files),
        "work_objects": work,
        "quarantined_rows": quarantined,
        "pages_of_versions": shown,
        "ledger_entries": bonds,
    }


def _shown(job: Purge, versions: Collection[int], raw: Collection[str]) -> list[int]:
    """Versions whose pages may show one of the rows: those that hold or have quarantined it, and those gone before."""
    dataset = job.chosen.current.manifest.dataset
    read = {
        version
        for version, manifest in job.chosen.manifests.items()
        if any(str(one["raw"]) in raw for one in manifest.valid)
    }
    return sorted(read.union(versions, job.lake.gone(dataset)))


def _raw_hits(job: Purge) -> list[str]:
    """Raw shards, of whatever version, that hold one of the rows."""
    work = job.lake.objects(job.chosen.current.manifest.dataset).sub("work")
    found = []
    for entry in work.list("raw/"):
        shard, _, kind = entry.name.partition(".")
        if kind == "faults.parquet":
            lines = work.read_table(entry.name, ["text"])["text"].to_pylist()
            found += [shard] * any(job.asked.mentions(line) for line in lines)
        elif kind == "parquet":
            found += [shard] * job.chosen.holds(work.read_table(entry.name), job.asked)
    return found


def _move_channels(job: Purge, versions: Collection[int]) -> dict[str, int]:
    """Point channels that name a version to be purged to the current one: training jobs could not read on."""
    dataset = job.chosen.current.manifest.dataset
    store, now = job.lake.objects(dataset).sub("channels"), job.lake.find(dataset).version
    moved = {}
    for name in channels.channels(store):
        here = channels.current(store, name)
        if here is not None and here.version in versions:
            channels.move(store, name, now, here, at_ms=job.at_ms, reason=FORGOTTEN, run_id=f"forgotten by {job.by}")
            moved[name] = here.version
    return moved


def finish(lake: Lake, dataset: str, by: str) -> None:
    """Remove what a purge that was killed has left of versions that it had marked already."""
    if any(one.reason == PURGED for one in lake.gone(dataset).values()):
        with leases.held(live(lake.objects(dataset)), CLEANING, f"purge by {by}") as lease:
            if not busy(lease):
                remove_data(lake, dataset)


def remove_data(lake: Lake, dataset: str) -> set[str]:
    """Remove every data file that no remaining version holds; returns those of versions that are gone."""
    store, missing = lake.store.sub(dataset), lake.gone(dataset)
    held = by_version(Table(store))
    wanted = set().union(*(files for version, files in held.items() if version not in missing))
    lost = {path for version in missing for path in held.get(version, ())}
    stray = data_files(store).keys() - wanted
    reachability.delete(store, sorted(stray))
    return lost & stray


def _remove_work(job: Purge, left: Mapping[int, Manifest], raw: Collection[str]) -> int:
    """Remove all work that the remaining versions do not name, and what is left of it that holds a row."""
    work = job.lake.objects(job.chosen.current.manifest.dataset).sub("work")
    known = reachability.groups(work)
    needed = reachability.needed(work, known, (json.dumps(one.to_json()) for one in left.values()), inf)
    hit = {reachability.group_of(name) for name in raw}
    judged = [one for manifest in left.values() for one in manifest.valid]
    hit |= {reachability.group_of(str(one["name"])) for one in judged if reachability.group_of(str(one["raw"])) in hit}
    names = [one.name for group, found in known.items() for one in found.objects if group not in needed - hit]
    for part in reachability.in_order(names):
        reachability.delete(work, part)
    return len(names)


def _remove_notes(job: Purge, left: Mapping[int, Manifest], versions: Collection[int], shown: Collection[int]) -> None:
    """Remove pages, recipes, and from manifests and records what was said of single rows."""
    dataset = job.chosen.current.manifest.dataset
    objects = job.lake.objects(dataset)
    # What follows `reports/` is a version, or the key of a run that failed: nobody needs those.
    reports = {entry.name: entry.name[8:16] for entry in objects.list("reports/")}
    pages = [name for name, about in reports.items() if not about.isdecimal() or int(about) in shown]
    reachability.delete(job.lake.store.sub(dataset), [croissant_name(version) for version in shown])
    recipes = {f"recipes/{name}.json" for name in _recipes(job, left)}
    old = [entry.name for entry in objects.list("recipes/") if entry.name not in recipes]
    reachability.delete(objects, [*pages, *old])
    for commit in Table(job.lake.store.sub(dataset)).history():
        if commit.version not in versions:
            continue
        manifest = json_objects.document(objects, commit.metadata[METADATA_KEY])
        figures = {key: value for key, value in manifest["figures"].items() if key in KEPT_OF_FIGURES}
        figures["checks"] = [{**one, "failing": []} for one in figures.get("checks", ())]
        text = json.dumps({**manifest, "figures": figures}, sort_keys=True)
        objects.write(commit.metadata[METADATA_KEY], text.encode())
        if objects.exists(record_name(commit.version)):
            record = json_objects.document(objects, record_name(commit.version))
            rest = {key: record.get(key) for key in KEPT_OF_RECORD}
            objects.write(record_name(commit.version), json.dumps(rest, sort_keys=True).encode())


def _recipes(job: Purge, left: Mapping[int, Manifest]) -> set[str]:
    """The recipes of children that remaining versions hold: each file has one."""
    store = job.lake.store.sub(job.chosen.current.manifest.dataset)
    paths = {file.path for one in left.values() for file in one.data_files if file.origin != REAL}
    found: set[str] = set()
    for path in sorted(paths):
        found.update(pc.unique(store.read_table(path, columns=[RECIPE_HASH])[RECIPE_HASH]).to_pylist())
    return found
