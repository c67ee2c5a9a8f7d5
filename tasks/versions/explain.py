"""Explain: trace a published row back to the raw objects it came from, and name the policy behind each step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from augmill.tasks.cards import charts
from augmill.tasks.pages.before_after import family, payload_column
from augmill.tasks.rows.provenance import (
    DEPTH,
    LABEL_WEIGHTS,
    NAMES,
    OPS,
    PARENT_IDS,
    REAL,
    RECIPE_HASH,
    SAMPLE_ID,
    SEED,
    SOURCE,
    STEP,
)
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import DataFile
from augmill.tasks.runs.manifest import Manifest, Published, published
from augmill.tasks.versions.rebuild import find
from augmill.tasks.versions.versions import Lake

SCORES = ("outcome", "predicted", "prediction_set", "nonconformity", "threshold", "p_value", "distance")
Row = Mapping[str, Any]


def explain(lake: Lake, ctx: Context, published_version: Published, sample_id: str) -> dict[str, Any]:
    """Everything that is known about one row: its values, its parents and transforms, and the verdict of the verifier.

    Raises PolicyError if the version has no such row.
    """
    manifest = published_version.manifest
    file, row = find(ctx, manifest, sample_id)
    first = _first_version(lake, published_version, file)
    document: dict[str, Any] = {
        "dataset": manifest.dataset,
        "version": published_version.version,
        "sample_id": sample_id,
        "origin": file.origin,
        "split": file.split,
        "depth": row[DEPTH],
        "values": _values(row),
        "source": _source(row, manifest),
        "first_version": first.version,
        "policy": _policy(first.manifest),
        "run": _run(lake, first),
    }
    if file.origin == REAL:
        return document
    step = next(step for step in first.manifest.policy["steps"] if step["name"] == row[STEP])
    parents = [find(ctx, manifest, name) for name in row[PARENT_IDS]]
    return document | {
        "step": {
            "name": row[STEP],
            "transforms": [{"use": use["use"], "invariance": use["invariance"]} for use in step["transforms"]],
            "ops": json.loads(row[OPS]),
            "seed": row[SEED],
            "recipe_hash": row[RECIPE_HASH],
        },
        "label_weights": row[LABEL_WEIGHTS],
        "parents": [
            {
                "sample_id": parent[SAMPLE_ID],
                "split": place.split,
                "source": _source(parent, manifest),
                "values": _values(parent),
            }
            for place, parent in parents
        ],
        "verifier": _scores(ctx, file, sample_id),
    }


def picture(ctx: Context, published_version: Published, sample_id: str) -> bytes | None:
    """Parents and child side by side, as SVG. None if the rows have no picture or the row is real."""
    file, row = find(ctx, published_version.manifest, sample_id)
    payload = payload_column(ctx.table.schema(file.path))
    if file.origin == REAL or payload is None:
        return None
    parents = {name: find(ctx, published_version.manifest, name)[1] for name in row[PARENT_IDS]}
    return charts.families(
        [family(ctx, row, parents, payload)], f"{published_version.manifest.dataset}@{published_version.version}"
    )


def _first_version(lake: Lake, published_version: Published, file: DataFile) -> Published:
    """The version that added the file. Later versions refer to the same file: a row may be older than its version."""
    table, objects = (
        lake.store.sub(published_version.manifest.dataset),
        lake.objects(published_version.manifest.dataset),
    )
    first = published_version
    for version in range(published_version.version - 1, -1, -1):
        earlier = published(table, objects, version)
        if earlier is None or all(earlier_file.path != file.path for earlier_file in earlier.snapshot.files):
            break
        first = earlier
    return first


def _values(row: Row) -> dict[str, Any]:
    return {
        name: f"<{len(value['bytes'])} bytes>" if isinstance(value, dict) and "bytes" in value else value
        for name, value in row.items()
        if name not in NAMES
    }


def _source(row: Row, manifest: Manifest) -> dict[str, Any] | None:
    source = row[SOURCE]
    if source is None:
        return None
    raw_object = next((item for item in manifest.inputs if item["sha256"] == source["sha256"]), {})
    return {
        **source,
        "uri": raw_object.get("uri"),
        "etag": raw_object.get("etag"),
        "version_id": raw_object.get("version_id"),
    }


def _policy(manifest: Manifest) -> dict[str, Any]:
    return {"file": manifest.policy_name, "hash": manifest.policy_hash, "git_commit": manifest.git_commit}


def _run(lake: Lake, first: Published) -> dict[str, Any]:
    record = lake.record(first.manifest.dataset, first.version)
    return {key: record.get(key) for key in ("run_id", "mlflow", "prefect_run_url", "started_unix")}


def _scores(ctx: Context, file: DataFile, sample_id: str) -> dict[str, Any] | None:
    """How the verifier judged the child. None if it was not judged, or vacuum has removed its scores."""
    if not file.scores or not ctx.work.exists(f"{file.scores}.parquet"):
        return None
    scores = ctx.work.read_table(f"{file.scores}.parquet")
    own_scores = scores.filter(pc.equal(scores[SAMPLE_ID], pa.scalar(sample_id)))
    rows = own_scores.select([name for name in SCORES if name in own_scores.column_names]).to_pylist()
    return rows[0] if rows and rows[0] else None
