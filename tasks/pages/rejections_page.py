"""What the verifier contradicted and what it found unfamiliar: the worst children of a run with their parents."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.policies.errors import DataError
from augmill.tasks.documents.report_document import RejectedChild, RejectionsDocument
from augmill.tasks.pages.before_after import parents_of, payload_column, thumbnail
from augmill.tasks.pages.data_card import page_folder
from augmill.tasks.rows.provenance import NAMES, OPS, PARENT_IDS, SAMPLE_ID
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.manifest import Published
from augmill.tasks.stages.fit import FitResult
from augmill.tasks.stages.verdicts import Verdicts, read_scores
from augmill.tasks.stages.verify import ScoreResult
from augmill.tasks.storage.json_objects import document as document_of
from augmill.tasks.storage.store import Store
from augmill.tasks.verifiers.calibration import CONTRADICTED, OUTCOMES, TOO_FEW, UNFAMILIAR

REJECTIONS, KEPT = "rejections.html", "rejections.json"
MAX_KEPT = 100
"""Children kept of each list: a page of a few MB that a browser opens at once. The counts beside them are whole."""


def rejections(
    ctx: Context, fitted: FitResult, scored: ScoreResult, judged: Verdicts, figures: Mapping[str, Any], version: int
) -> tuple[RejectionsDocument, dict[str, bytes]]:
    """What is kept of a published version, and the pictures of the rows in it, by id."""
    pictures: dict[str, bytes] = {}
    counts = {name: sum(rate[name] for rate in judged.rates) for name in OUTCOMES}
    contradicted = children(ctx, fitted, scored, judged, CONTRADICTED, MAX_KEPT, pictures)
    document: RejectionsDocument = {
        "dataset": ctx.policy.dataset,
        "version": version,
        "children": scored.rows,
        "judged": scored.rows - counts[TOO_FEW] if scored.verifier else 0,
        "too_few": counts[TOO_FEW],
        "contradicted": counts[CONTRADICTED] - len(judged.overruled),
        "overruled": len(judged.overruled),
        "unfamiliar": counts[UNFAMILIAR],
        "alpha": judged.verifier.get("alpha"),
        "noise_floor": judged.verifier.get("noise_floor", []),
        "not_judged": figures.get("not_judged", ""),
        "contradicted_children": [child for child in contradicted if "reason" not in child],
        "overruled_children": [child for child in contradicted if "reason" in child],
        "unfamiliar_children": children(ctx, fitted, scored, judged, UNFAMILIAR, MAX_KEPT, pictures),
    }
    return document, pictures


def page_name(version: int) -> str:
    """The page of a version's rejections among the dataset's own objects."""
    return f"{page_folder(version)}/{REJECTIONS}"


def kept(objects: Store, found: Published) -> RejectionsDocument:
    """What was kept of a version when it was recorded. Raises DataError where that is not there."""
    name = f"{page_folder(found.version)}/{KEPT}"
    if not objects.exists(name):
        raise DataError(
            f"no rejections are kept of {found.manifest.dataset}@{found.version}: its record was never written, or "
            "was removed",
            "Run its policy again: that completes the record of the current version.",
        )
    return cast(RejectionsDocument, document_of(objects, name, keys=("dataset", "version")))


def children(
    ctx: Context,
    fitted: FitResult,
    scored: ScoreResult,
    judged: Verdicts,
    outcome: str,
    limit: int,
    pictures: dict[str, bytes],
) -> list[RejectedChild]:
    """Children of one outcome with their parents, worst first, overruled ones besides; pictures are put aside."""
    if scored.verifier is None or not scored.rows:
        return []
    shown = _worst(read_scores(ctx, scored), outcome, limit, judged.overruled)
    return list(_told(ctx, fitted, scored, judged, shown, pictures)) if shown else []


def _worst(scores: pa.Table, outcome: str, limit: int, besides: Collection[str]) -> list[dict[str, Any]]:
    """The first `limit` rows of an outcome and, for the outcome they have, those named in `besides`."""
    found = scores.filter(pc.equal(scores["outcome"], outcome))
    found = found.take(pa.array(_order(found, outcome)))
    named = pc.is_in(found[SAMPLE_ID], pa.array(sorted(besides), pa.string())).to_numpy(zero_copy_only=False)
    free = ~named
    kept = named | (free & (np.cumsum(free) <= limit))
    rows: list[dict[str, Any]] = found.filter(pa.array(kept)).to_pylist()
    return rows


def _order(found: pa.Table, outcome: str) -> Any:
    """Positions from worst to mildest.

    A contradicted label is worse the fewer real rows of that class look as odd (its p-value), and then the further it
    is beyond the threshold; an unfamiliar row the further off it is, in multiples of what real rows of the class are.
    """

    def numbers(name: str) -> Any:
        return np.nan_to_num(found[name].to_numpy().astype(np.float64), nan=0.0, posinf=0.0)

    ids = np.asarray(found[SAMPLE_ID].to_pylist(), dtype=str)
    if outcome == CONTRADICTED:
        return np.lexsort((ids, numbers("threshold") - numbers("nonconformity"), numbers("p_value")))
    limit = np.maximum(numbers("distance_threshold"), np.finfo(np.float64).tiny)
    return np.lexsort((ids, -numbers("distance") / limit))


def _told(
    ctx: Context,
    fitted: FitResult,
    scored: ScoreResult,
    judged: Verdicts,
    shown: Sequence[Mapping[str, Any]],
    pictures: dict[str, bytes],
) -> Iterator[RejectedChild]:
    rows = _rows(ctx, scored, shown)
    parents = parents_of(ctx, fitted.index, rows)
    by_id = {row[SAMPLE_ID]: row for row in rows.to_pylist()}
    payload = payload_column(rows.schema)
    for one in shown:
        row = by_id[one[SAMPLE_ID]]
        mine = {name: parents[name] for name in row[PARENT_IDS] if name in parents}
        if payload is not None:
            for member in (row, *mine.values()):
                if member[SAMPLE_ID] not in pictures:
                    pictures[member[SAMPLE_ID]] = thumbnail(ctx, member, payload)
        yield _child(one, row, mine, payload, judged)


def _child(
    one: Mapping[str, Any],
    row: Mapping[str, Any],
    parents: Mapping[str, Mapping[str, Any]],
    payload: str | None,
    judged: Verdicts,
) -> RejectedChild:
    child: RejectedChild = {
        "sample_id": row[SAMPLE_ID],
        "outcome": one["outcome"],
        "published": row[SAMPLE_ID] not in judged.dropped,
        "step": one["step"],
        "transform": one["transform"],
        "label": one["label"],
        "predicted": one["predicted"],
        "prediction_set": one["prediction_set"],
        "nonconformity": one["nonconformity"],
        "threshold": one["threshold"],
        "p_value": one["p_value"],
        "distance": one["distance"],
        "distance_threshold": one["distance_threshold"],
        "ops": row[OPS],
        "values": _values(row, payload),
        "parents": {name: _values(parent, payload) for name, parent in parents.items()},
    }
    if row[SAMPLE_ID] in judged.overruled:
        child["reason"] = judged.overruled[row[SAMPLE_ID]]
    return child


def _rows(ctx: Context, scored: ScoreResult, wanted: Sequence[Mapping[str, Any]]) -> pa.Table:
    parts = []
    for shard, child in zip(scored.shards, scored.children, strict=True):
        ids = pa.array([one[SAMPLE_ID] for one in wanted if one["shard"] == shard.name], pa.string())
        if len(ids):
            rows = ctx.work.read_table(f"{child.name}.parquet")
            parts.append(rows.filter(pc.is_in(rows[SAMPLE_ID], ids)))
    return pa.concat_tables(parts, promote_options="default")


def _values(row: Mapping[str, Any], payload: str | None) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in NAMES and name != payload}
