"""Children that the verifier contradicted or found unfamiliar: the worst of a run, with their parents."""

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

REJECTIONS, REJECTIONS_JSON = "rejections.html", "rejections.json"
MAX_KEPT = 100
"""Most children in each list, so that the page has a few MB and opens quickly. The counts cover all children."""


def rejections(
    ctx: Context, fitted: FitResult, scored: ScoreResult, verdicts: Verdicts, figures: Mapping[str, Any], version: int
) -> tuple[RejectionsDocument, dict[str, bytes]]:
    """The rejections document of a published version, and the pictures of the rows in it, by id."""
    pictures: dict[str, bytes] = {}
    counts = {name: sum(rate[name] for rate in verdicts.rates) for name in OUTCOMES}
    contradicted = children(ctx, fitted, scored, verdicts, CONTRADICTED, MAX_KEPT, pictures)
    document: RejectionsDocument = {
        "dataset": ctx.policy.dataset,
        "version": version,
        "children": scored.rows,
        "judged": scored.rows - counts[TOO_FEW] if scored.verifier else 0,
        "too_few": counts[TOO_FEW],
        "contradicted": counts[CONTRADICTED] - len(verdicts.overruled),
        "overruled": len(verdicts.overruled),
        "unfamiliar": counts[UNFAMILIAR],
        "alpha": verdicts.verifier.get("alpha"),
        "noise_floor": verdicts.verifier.get("noise_floor", []),
        "not_judged": figures.get("not_judged", ""),
        "contradicted_children": [child for child in contradicted if "reason" not in child],
        "overruled_children": [child for child in contradicted if "reason" in child],
        "unfamiliar_children": children(ctx, fitted, scored, verdicts, UNFAMILIAR, MAX_KEPT, pictures),
    }
    return document, pictures


def page_name(version: int) -> str:
    """The name of a version's rejections page among the dataset's own objects."""
    return f"{page_folder(version)}/{REJECTIONS}"


def read_rejections(objects: Store, published: Published) -> RejectionsDocument:
    """The rejections document that was written with the record of a version. Raises DataError if it does not exist."""
    name = f"{page_folder(published.version)}/{REJECTIONS_JSON}"
    if not objects.exists(name):
        raise DataError(
            f"no rejections are kept of {published.manifest.dataset}@{published.version}: its record was "
            "never written, or was removed",
            "Run its policy again: that completes the record of the current version.",
        )
    return cast(RejectionsDocument, document_of(objects, name, keys=("dataset", "version")))


def children(
    ctx: Context,
    fitted: FitResult,
    scored: ScoreResult,
    verdicts: Verdicts,
    outcome: str,
    limit: int,
    pictures: dict[str, bytes],
) -> list[RejectedChild]:
    """The worst children of one outcome with their parents, and all overruled ones; fills `pictures` by row id."""
    if scored.verifier is None or not scored.rows:
        return []
    score_rows = _worst(read_scores(ctx, scored), outcome, limit, verdicts.overruled)
    return list(_rejected_children(ctx, fitted, scored, verdicts, score_rows, pictures)) if score_rows else []


def _worst(scores: pa.Table, outcome: str, limit: int, overruled_ids: Collection[str]) -> list[dict[str, Any]]:
    """The first `limit` rows of an outcome and, for the outcome they have, those named in `overruled_ids`."""
    candidates = scores.filter(pc.equal(scores["outcome"], outcome))
    candidates = candidates.take(pa.array(_order(candidates, outcome)))
    is_overruled = pc.is_in(candidates[SAMPLE_ID], pa.array(sorted(overruled_ids), pa.string())).to_numpy(
        zero_copy_only=False
    )
    is_other = ~is_overruled
    selected = is_overruled | (is_other & (np.cumsum(is_other) <= limit))
    rows: list[dict[str, Any]] = candidates.filter(pa.array(selected)).to_pylist()
    return rows


def _order(scores: pa.Table, outcome: str) -> Any:
    """Positions from worst to mildest.

    A contradicted label is worse the lower its p-value (the share of real rows of that class that look as odd), then
    the further its nonconformity is beyond the threshold. An unfamiliar row is worse the larger its distance is, as a
    multiple of the distance threshold of its class.
    """

    def numbers(name: str) -> Any:
        return np.nan_to_num(scores[name].to_numpy().astype(np.float64), nan=0.0, posinf=0.0)

    ids = np.asarray(scores[SAMPLE_ID].to_pylist(), dtype=str)
    if outcome == CONTRADICTED:
        return np.lexsort((ids, numbers("threshold") - numbers("nonconformity"), numbers("p_value")))
    limit = np.maximum(numbers("distance_threshold"), np.finfo(np.float64).tiny)
    return np.lexsort((ids, -numbers("distance") / limit))


def _rejected_children(
    ctx: Context,
    fitted: FitResult,
    scored: ScoreResult,
    verdicts: Verdicts,
    score_rows: Sequence[Mapping[str, Any]],
    pictures: dict[str, bytes],
) -> Iterator[RejectedChild]:
    rows = _rows(ctx, scored, score_rows)
    parents = parents_of(ctx, fitted.index, rows)
    by_id = {row[SAMPLE_ID]: row for row in rows.to_pylist()}
    payload = payload_column(rows.schema)
    for score_row in score_rows:
        row = by_id[score_row[SAMPLE_ID]]
        own_parents = {name: parents[name] for name in row[PARENT_IDS] if name in parents}
        if payload is not None:
            for member in (row, *own_parents.values()):
                if member[SAMPLE_ID] not in pictures:
                    pictures[member[SAMPLE_ID]] = thumbnail(ctx, member, payload)
        yield _child(score_row, row, own_parents, payload, verdicts)


def _child(
    score_row: Mapping[str, Any],
    row: Mapping[str, Any],
    parents: Mapping[str, Mapping[str, Any]],
    payload: str | None,
    verdicts: Verdicts,
) -> RejectedChild:
    child: RejectedChild = {
        "sample_id": row[SAMPLE_ID],
        "outcome": score_row["outcome"],
        "published": row[SAMPLE_ID] not in verdicts.dropped,
        "step": score_row["step"],
        "transform": score_row["transform"],
        "label": score_row["label"],
        "predicted": score_row["predicted"],
        "prediction_set": score_row["prediction_set"],
        "nonconformity": score_row["nonconformity"],
        "threshold": score_row["threshold"],
        "p_value": score_row["p_value"],
        "distance": score_row["distance"],
        "distance_threshold": score_row["distance_threshold"],
        "ops": row[OPS],
        "values": _values(row, payload),
        "parents": {name: _values(parent, payload) for name, parent in parents.items()},
    }
    if row[SAMPLE_ID] in verdicts.overruled:
        child["reason"] = verdicts.overruled[row[SAMPLE_ID]]
    return child


def _rows(ctx: Context, scored: ScoreResult, score_rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    parts = []
    for shard, child in zip(scored.shards, scored.children, strict=True):
        ids = pa.array(
            [score_row[SAMPLE_ID] for score_row in score_rows if score_row["shard"] == shard.name], pa.string()
        )
        if len(ids):
            rows = ctx.work.read_table(f"{child.name}.parquet")
            parts.append(rows.filter(pc.is_in(rows[SAMPLE_ID], ids)))
    return pa.concat_tables(parts, promote_options="default")


def _values(row: Mapping[str, Any], payload: str | None) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in NAMES and name != payload}
