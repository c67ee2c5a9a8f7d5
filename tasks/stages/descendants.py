"""Who descends from whom among the rows of a version, and which new rows look like a real one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.policies.schema import Step
from augmill.tasks.rows.identity import by_id
from augmill.tasks.rows.provenance import PARENT_IDS, SAMPLE_ID
from augmill.tasks.rows.randomness import U64
from augmill.tasks.runs.components import modality_of, ops_of
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import AcceptedShard, DataFile
from augmill.tasks.verifiers.distribution import Contents

Rows = Callable[[AcceptedShard, Sequence[str] | None], pa.Table]
"""Reads the rows of a shard that will be published, all of their columns or those that are named."""


def links(items: Iterable[AcceptedShard], read: Rows) -> pa.Table:
    """One row per new row and parent: `step`, `child`, `parent`."""
    parts = []
    for item in items:
        rows = read(item, (SAMPLE_ID, PARENT_IDS))
        parents = rows[PARENT_IDS].combine_chunks()
        child = rows[SAMPLE_ID].combine_chunks().take(pc.list_parent_indices(parents))
        step = pa.repeat(item.shard.step, len(child))
        parts.append(pa.table({"step": step, "child": child, "parent": parents.flatten()}))
    return pa.concat_tables(parts) if parts else pa.table({"step": [], "child": [], "parent": []})


def children_of(linked: pa.Table, ids: Sequence[str], most: int) -> pa.Array:
    """Ids of the new rows that have one of the parents, each once; of more than `most`, those with the lowest ids."""
    child_ids = linked.filter(pc.is_in(linked["parent"], pa.array(ids, pa.string())))["child"]
    children = pa.table({SAMPLE_ID: pc.unique(child_ids)})
    return by_id(children, SAMPLE_ID)[SAMPLE_ID].combine_chunks()[:most]


def most_children(linked: pa.Table) -> dict[str, int]:
    """By step, how many new rows the parent with the most of them has."""
    counted = linked.group_by(["step", "parent"]).aggregate([("child", "count")])
    counts = Counter[str]()
    for step, count in zip(counted["step"].to_pylist(), counted["child_count"].to_pylist(), strict=True):
        counts[step] = max(counts[step], count)
    return dict(counts)


def epsilons(ctx: Context, steps: Iterable[str], linked: Callable[[], pa.Table]) -> dict[str, float | None]:
    """What each step that made rows spends of any one real row: what a child costs its parent, as often as that is."""
    each = {step.name: per_child(ctx, step) for step in ctx.policy.steps if step.name in set(steps)}
    often = most_children(linked()) if any(spent is not None for spent in each.values()) else {}
    return {name: None if spent is None else spent * often[name] for name, spent in each.items()}


def per_child(ctx: Context, step: Step) -> float | None:
    """What a child of the step spends of each parent; None where nothing bounds it.

    The first transform of a chain sees the real row, and so must declare it. Those after it work on what it made:
    they spend nothing more, unless they look at real rows themselves.
    """
    spent = 0.0
    for position, op in enumerate(ops_of(ctx, step)):
        declared = getattr(op.module, "epsilon", None)
        if declared is not None:
            spent += float(declared(op.params))
        elif position == 0 or op.module.BEHAVIOUR.fitted or op.module.BEHAVIOUR.label == "mix":
            return None
    return spent


def copies(
    ctx: Context, files: Sequence[DataFile], items: Sequence[AcceptedShard], read: Rows
) -> Mapping[str, list[str]]:
    """Ids of all new rows that look like a real row of the given files, by step. Verify has looked at those of a run;
    those of a published version are looked at here."""
    new = [item for item in items if not item.scores]
    real = Contents(np.concatenate([_looks(ctx, ctx.table.read_table(file.path)) for file in files])) if new else None
    ids_by_row: dict[str, list[str]] = {}
    for item in items:
        alike = _scored(ctx, item) if real is None else _alike(ctx, real, read(item, None))
        ids_by_row.setdefault(item.shard.step, []).extend(alike.to_pylist())
    return {step: sorted(ids) for step, ids in ids_by_row.items()}


def _scored(ctx: Context, item: AcceptedShard) -> pa.ChunkedArray:
    scores = ctx.work.read_table(f"{item.scores}.parquet", [SAMPLE_ID, "looks_real"])
    alike = scores[SAMPLE_ID].filter(scores["looks_real"])
    return alike.filter(pc.invert(pc.is_in(alike, pa.array(item.dropped, pa.string()))))


def _alike(ctx: Context, real: Contents, rows: pa.Table) -> pa.ChunkedArray:
    return rows[SAMPLE_ID].filter(pa.array(real.hold(_looks(ctx, rows))))


def _looks(ctx: Context, rows: pa.Table) -> U64:
    return np.asarray(modality_of(ctx).appearance(ctx.policy, rows))
