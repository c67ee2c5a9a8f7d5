"""The history of a dataset, read from the lake: versions, channels, measurements, and what was removed since.

The facts of a published version never change, so they are cached in a small object, its chapter. A page about 200
versions reads 200 chapters instead of 200 manifests, which name every raw object. A purge removes all chapters. Those
that are written afterwards give only the number, the day and the row counts of a purged version.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, cast

import pyarrow.compute as pc

from augmill.policies.errors import StorageError
from augmill.tasks.cards.policy_diff import changes, unified
from augmill.tasks.lineage.inputs import common_folder
from augmill.tasks.lineage_graph.dataset_history import History, Inputs, Measured, Moved, NewObject, VersionRecord
from augmill.tasks.rows.provenance import ORIGIN, REAL, SOURCE
from augmill.tasks.runs.erasure_list import FOLDER as FORGOTTEN
from augmill.tasks.runs.manifest import RUN_ID, Manifest, manifest_of
from augmill.tasks.runs.request import record_name
from augmill.tasks.sanitize.redact import redact_all
from augmill.tasks.storage import channels, delta_log, json_objects, measurements
from augmill.tasks.storage.delta import Table
from augmill.tasks.storage.store import Store
from augmill.tasks.storage.tombstones import PURGED, Gone
from augmill.tasks.versions.promotion import check_text
from augmill.tasks.versions.versions import Lake

CHAPTERS = "chapters"
SHAPE = "1"
"""The format of chapters. Change it when their content changes: chapters of another format are written again."""

MAX_VERSIONS = 200
MAX_MOVES = 500
MAX_NEW_OBJECTS = 20
MAX_DIFF = 6_000
_READS_AT_ONCE = 16


def history(lake: Lake, dataset: str, *, at_ms: int, hidden: Collection[int] = ()) -> History:
    """All that is known of a dataset now, redacted. `hidden` versions are shown as if they were purged already."""
    versions = Table(lake.store.sub(dataset)).versions()
    tombstones = {version: Gone(version, PURGED, at_ms, "") for version in hidden} | lake.tombstones(dataset)
    purged = {version for version, tombstone in tombstones.items() if tombstone.reason == PURGED}
    listed_versions = versions[-MAX_VERSIONS:]
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        chapters = list(pool.map(lambda version: _chapter(lake, dataset, version, purged), listed_versions))
    _add_later_facts(lake, dataset, chapters, tombstones)
    newest = lake.find(dataset).manifest.policy
    document: History = {
        "dataset": dataset,
        "description": str(newest.get("description") or ""),
        "owner": str(newest.get("owner") or ""),
        "table_uri": lake.store.sub(dataset).uri,
        "at_ms": at_ms,
        "folded": len(versions) - len(listed_versions),
        "chapters": chapters,
        "moves": _moves(lake, dataset, chapters),
        "measured": _measurement_documents(lake, dataset, listed_versions, purged),
    }
    return cast(History, redact_all(document))


def forget_chapters(objects: Store) -> None:
    """Remove all chapters: they contain names of raw objects, which may have to be removed."""
    for entry in list(objects.list(f"{CHAPTERS}/")):
        objects.delete(entry.name)


def _chapter(lake: Lake, dataset: str, version: int, purged: Collection[int]) -> VersionRecord:
    """The cached chapter, or a new one, which is then cached. That of a purged version is short and is not cached."""
    objects, name = lake.objects(dataset), f"{CHAPTERS}/{version:08d}.json"
    if version in purged:
        return {**_purged_chapter(lake, dataset, version), "mlflow": _link(objects, version)}
    before = max((earlier for earlier in range(version) if earlier not in purged), default=None)
    old = json_objects.document(objects, name, "remove it: it is made again") if objects.exists(name) else {}
    is_current = old.pop("shape", None) == SHAPE and old["before"] == before
    if is_current and old["mlflow"]:
        return cast(VersionRecord, old)
    chapter = cast(VersionRecord, old) if is_current else _build_chapter(lake, dataset, version, before)
    link = _link(objects, version)
    if not is_current or link:
        chapter["mlflow"] = link
        objects.write(name, json.dumps({**chapter, "shape": SHAPE}, sort_keys=True).encode())
    return chapter


def _purged_chapter(lake: Lake, dataset: str, version: int) -> VersionRecord:
    commit = delta_log.commit(lake.store.sub(dataset), version)
    rows = _manifest(lake, dataset, commit).figures.get("rows", {})
    counts = {origin: rows.get(origin) for origin in ("real", "augmented", "synthetic")}
    return {"version": version, "at_ms": commit.at_ms, "parent": _parent(version), "rows": cast(Any, counts)}


def _build_chapter(lake: Lake, dataset: str, version: int, before: int | None) -> VersionRecord:
    table = lake.store.sub(dataset)
    commit = delta_log.commit(table, version)
    manifest = _manifest(lake, dataset, commit)
    old = None if before is None else _manifest(lake, dataset, delta_log.commit(table, before))
    figures = manifest.figures
    return {
        "version": version,
        "at_ms": commit.at_ms,
        "before": before,
        "parent": _parent(version),
        "run_id": commit.metadata.get(RUN_ID, ""),
        "policy_hash": manifest.policy_hash,
        "policy_name": manifest.policy_name,
        "policy_changes": changes(old.policy, manifest.policy) if old else [],
        "policy_diff": _diff(old, manifest, before, version),
        "git_commit": manifest.git_commit,
        "steps": figures.get("steps", []),
        "rows": figures.get("rows", {}),
        "checks": [_check(check) for check in figures.get("checks", [])],
        "inputs": _inputs(table, commit, manifest, old),
    }


def _parent(version: int) -> int | None:
    return version - 1 if version else None


def _manifest(lake: Lake, dataset: str, commit: delta_log.Commit) -> Manifest:
    return manifest_of(lake.objects(dataset), commit.metadata, f"{dataset}@{commit.version}")


def _check(check: dict[str, Any]) -> Any:
    keys = ("name", "success", "observed", "target", "on_failure", "error", "detail")
    return {key: check[key] for key in keys if check.get(key) not in (None, "")}


def _diff(old: Manifest | None, new: Manifest, before: int | None, version: int) -> str:
    if old is None:
        return ""
    text = unified(old.policy_text, new.policy_text, f"{new.dataset}@{before}", f"{new.dataset}@{version}")
    return text if len(text) <= MAX_DIFF else f"{text[:MAX_DIFF]}\n... (cut, {len(text):,} characters)"


def _inputs(table: Store, commit: delta_log.Commit, manifest: Manifest, old: Manifest | None) -> Inputs:
    hashes_before = {item["name"]: item["sha256"] for item in old.inputs} if old else {}
    new_items = [item for item in manifest.inputs if hashes_before.get(item["name"]) != item["sha256"]]
    rows = _rows_of_new(table, commit, {item["name"] for item in new_items}) if new_items else {}
    uris = [item["uri"] for item in manifest.inputs]
    return {
        "objects": len(manifest.inputs),
        "bytes": sum(item["bytes"] for item in manifest.inputs),
        "folder": common_folder(uris) if uris else "",
        "new": [_new_object(item, rows) for item in new_items[:MAX_NEW_OBJECTS]],
        "new_objects": len(new_items),
        "new_bytes": sum(item["bytes"] for item in new_items),
        "new_rows": None if rows is None else sum(rows.values()),
        "changed": sum(item["name"] in hashes_before for item in new_items),
        "removed": len(hashes_before.keys() - {item["name"] for item in manifest.inputs}),
    }


def _new_object(item: dict[str, Any], rows: dict[str, int] | None) -> NewObject:
    fields = {key: item[key] for key in ("name", "uri", "sha256", "bytes")}
    return cast(NewObject, {**fields, "rows": None if rows is None else rows.get(item["name"], 0)})


def _rows_of_new(table: Store, commit: delta_log.Commit, names: Collection[str]) -> dict[str, int] | None:
    """Real rows that a version has from new raw objects, by object name, counted in the files it added. None if such a
    file has been removed."""
    row_counts: dict[str, int] = {}
    try:
        for path in commit.added:
            if f"{ORIGIN}={REAL}/" in path:
                sources = table.read_table(path, [SOURCE])[SOURCE].combine_chunks()
                for object_count in pc.value_counts(pc.struct_field(sources, "object")).to_pylist():
                    row_counts[object_count["values"]] = (
                        row_counts.get(object_count["values"], 0) + object_count["counts"]
                    )
    except (StorageError, OSError):
        return None
    return {name: rows for name, rows in row_counts.items() if name in names}


def _add_later_facts(
    lake: Lake, dataset: str, chapters: Sequence[VersionRecord], tombstones: Mapping[int, Gone]
) -> None:
    pins, objects = lake.pins(dataset), lake.objects(dataset)
    forgotten, pages = _erasures(objects), _pages(objects)
    for chapter in chapters:
        version = chapter["version"]
        tombstone = tombstones.get(version)
        chapter["gone"] = asdict(tombstone) if tombstone else None
        chapter["pinned"] = pins[version].note if version in pins else None
        chapter["forgotten"] = forgotten.get(version, [])
        chapter["pages"] = pages.get(version, [])


def _pages(objects: Store) -> dict[int, list[str]]:
    names_by_version: dict[int, list[str]] = {}
    for entry in objects.list("reports/"):
        _, folder, name = [*entry.name.split("/"), ""][:3]
        if folder.isdecimal() and name:
            names_by_version.setdefault(int(folder), []).append(name)
    return names_by_version


def _link(objects: Store, version: int) -> Any:
    """The MLflow run that holds the record of a version. None until the record has been sent."""
    name = record_name(version)
    link = json_objects.document(objects, name).get("mlflow") if objects.exists(name) else None
    return link if link and link.get("run_id") else None


def _erasures(objects: Store) -> dict[int, list[dict[str, Any]]]:
    """How many forgotten rows each version was published without: counts, never values."""
    erasures_by_version: dict[int, list[dict[str, Any]]] = {}
    for entry in objects.list(f"{FORGOTTEN}/"):
        if entry.name.endswith(".proof.json"):
            proof = json_objects.document(objects, entry.name)
            erasure = {"entry": proof["entry"], "rows": sum(proof["rows"].values()), "by": proof.get("by", "")}
            erasures_by_version.setdefault(int(proof["version"]), []).append(erasure)
    return erasures_by_version


def _moves(lake: Lake, dataset: str, chapters: Sequence[VersionRecord]) -> list[Moved]:
    """Moves of all channels, oldest first. Moves of one channel stay in their order, even if a clock was wrong."""
    store = lake.objects(dataset).sub("channels")
    dated: list[tuple[int, Moved]] = []
    for name in channels.channels(store):
        latest_ms = 0
        for move in reversed(channels.history(store, name)):
            latest_ms = max(latest_ms, move.at_ms)
            dated.append((latest_ms, _move_document(name, move, chapters)))
    return [document for _, document in sorted(dated, key=lambda pair: pair[0])][-MAX_MOVES:]


def _move_document(channel: str, move: channels.Move, chapters: Sequence[VersionRecord]) -> Moved:
    earlier = [chapter["version"] for chapter in chapters if chapter["at_ms"] <= move.at_ms]
    own = [move.version] if move.reason == channels.PUBLISHED else []
    return {
        "channel": channel,
        "version": move.version,
        "at_ms": move.at_ms,
        "reason": move.reason,
        "by": move.run_id,
        "why": move.why,
        "after": max([*earlier, chapters[0]["version"], *own]),
    }


def _measurement_documents(
    lake: Lake, dataset: str, versions: Sequence[int], purged: Collection[int]
) -> list[Measured]:
    store = lake.objects(dataset).sub("measurements")
    measured_versions = {int(entry.name.partition("/")[0]) for entry in store.list() if entry.name.endswith(".json")}
    documents: list[Measured] = []
    for version in sorted(measured_versions & set(versions) - set(purged)):
        documents += [_measurement_document(measurement) for measurement in measurements.of(store, version)]
    return documents


def _measurement_document(measurement: measurements.Measurement) -> Measured:
    return {
        "version": measurement.version,
        "at_ms": measurement.at_ms,
        "kind": measurement.kind,
        "by": measurement.by,
        "checks": [_check(check) for check in measurement.checks],
        "breaches": [check_text(check) for check in measurements.breaches([measurement])],
    }
