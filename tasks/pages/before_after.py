"""Before and after: a few parents with their children, as pictures or as tables of values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.tasks.cards import charts
from augmill.tasks.cards.charts import Family, Sample
from augmill.tasks.rows.provenance import NAMES, OPS, PARENT_IDS, PAYLOAD_TYPE, SAMPLE_ID, STEP
from augmill.tasks.runs.components import modality_of
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import ChildShard
from augmill.tasks.runs.row_index import label_text
from augmill.tasks.runs.row_pool import by_file, places_of
from augmill.tasks.stages.fit import FitResult

FAMILIES = 12
THUMBNAIL = 96
MAX_COLUMNS = 12
SCATTER_ROWS = 600


def before_after(ctx: Context, fitted: FitResult, children: Sequence[ChildShard]) -> dict[str, bytes]:
    """The artifact that shows what augmentation did, by file name; empty if no child was made."""
    shards = [shard for shard in children if shard.rows]
    if not shards:
        return {}
    chosen = [shards[at] for at in np.unique(np.linspace(0, len(shards) - 1, FAMILIES).astype(int))]
    rows = pa.concat_tables(
        [ctx.work.read_table(f"{shard.name}.parquet").slice(0, max(1, FAMILIES // len(chosen))) for shard in chosen]
    )
    parents = parents_of(ctx, fitted.index, rows)
    payload = payload_column(rows.schema)
    if payload is None:
        return {"before_after.html": _tables(ctx, fitted, rows, parents, chosen)}
    grid = [family(ctx, row, parents, payload) for row in rows.to_pylist()]
    return {"before_after.svg": charts.families(grid)}


def parents_of(ctx: Context, index: str, rows: pa.Table) -> dict[str, dict[str, Any]]:
    """The parents of some children, by id."""
    places = places_of(ctx.work, index)
    parent_ids = pc.unique(rows[PARENT_IDS].combine_chunks().flatten())
    at = pc.index_in(parent_ids, places["sample_id"].combine_chunks()).drop_null().to_numpy()
    parents = by_file(ctx.table, places)(at.astype(np.int64))
    return {row[SAMPLE_ID]: row for row in parents.to_pylist()}


def payload_column(schema: pa.Schema) -> str | None:
    """The column that holds the picture of a row, if rows have one."""
    names = [field.name for field in schema if field.type == PAYLOAD_TYPE]
    return "image" if "image" in names else next(iter(names), None)


def thumbnail(ctx: Context, row: Mapping[str, Any], payload: str) -> bytes:
    """A small PNG of a row's picture."""
    png: bytes = modality_of(ctx).thumbnail(row[payload]["bytes"], THUMBNAIL)
    return png


def small_picture(ctx: Context, data: bytes) -> bytes | None:
    """A small PNG of raw bytes, or None if they are no picture, which may be why the row was quarantined."""
    try:
        png: bytes = modality_of(ctx).thumbnail(data, THUMBNAIL)
    except ValueError:
        return None
    return png


def family(ctx: Context, row: Mapping[str, Any], parents: Mapping[str, Mapping[str, Any]], payload: str) -> Family:
    """A child and its parents as thumbnails, `parents` by id."""
    stored_parents = [parents[name] for name in row[PARENT_IDS] if name in parents]
    uses = "+".join(op["use"].partition(".")[2] for op in json.loads(row[OPS]))
    label = str(row[ctx.policy.label]) if ctx.policy.label else ""
    return Family(
        label,
        [Sample(parent[SAMPLE_ID][:8], thumbnail(ctx, parent, payload)) for parent in stored_parents],
        [Sample(uses or row[STEP], thumbnail(ctx, row, payload))],
    )


def _tables(
    ctx: Context,
    fitted: FitResult,
    rows: pa.Table,
    parents: Mapping[str, Mapping[str, Any]],
    shards: Sequence[ChildShard],
) -> bytes:
    columns = [name for name in rows.column_names if name not in NAMES][:MAX_COLUMNS]
    lines = []
    for row in rows.to_pylist():
        stored_ids = [parent for parent in row[PARENT_IDS] if parent in parents]
        lines += [(f"parent {parent[:8]}", [parents[parent][name] for name in columns]) for parent in stored_ids]
        lines.append((f"child {row[SAMPLE_ID][:8]} ({row[STEP]})", [row[name] for name in columns]))
    return charts.pairs(columns, lines, f"{ctx.policy.dataset}: parents and children", _scatter(ctx, fitted, shards))


def _scatter(ctx: Context, fitted: FitResult, shards: Sequence[ChildShard]) -> bytes:
    """A scatter plot of real training rows and children; empty if rows have fewer than two features."""
    description = json.loads(ctx.work.read(f"{fitted.description}.json"))
    places = ctx.work.read_table(f"{fitted.index}.parquet")
    spread = np.unique(np.linspace(0, places.num_rows - 1, SCATTER_ROWS).astype(np.int64))
    real = by_file(ctx.table, places)(spread)
    children = pa.concat_tables(
        [ctx.work.read_table(f"{shard.name}.parquet").slice(0, SCATTER_ROWS) for shard in shards]
    )
    features = modality_of(ctx).features
    real_features, child_features = features(description, real), features(description, children)
    if real_features.shape[1] < 2:
        return b""
    labels = [label_text(table, ctx.policy.label).to_pylist() for table in (real, children)]
    return charts.scatter(real_features, child_features, *labels)
