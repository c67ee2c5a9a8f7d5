"""The validation report of a run: which rows failed what, gathered from the run's objects, on one page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.reports.document import QuarantinedRow, RejectedChild, ValidationDocument
from tasks.reports.validation import render
from tasks.rows.provenance import NAMES, OPS, PARENT_IDS, SAMPLE_ID
from tasks.verifiers.calibration import CONTRADICTED
from tasks.work.check import Judged
from tasks.work.context import Context
from tasks.work.fit import Fitted
from tasks.work.pictures import parents_of, payload_column, small_picture, thumbnail
from tasks.work.run import Run
from tasks.work.split import Real
from tasks.work.verify import Scored

MAX_SHOWN = 60
SCOPE = "Every child's label against the classes its features allow, by models that never saw its parents."
NO_CLASS = "not judged: rows have no class label; masks and boxes are checked for structure only"
NOT_JUDGED = f"Labels are {NO_CLASS}."


Parts = tuple[Real, Fitted, Scored, Judged]
"""What the stages before left: real rows, fitted steps, scores, and what the checks made of them."""


def report(run: Run, parts: Parts, figures: Mapping[str, Any], version: int | None) -> bytes:
    """The page, self-contained; `version` is None where nothing was published."""
    ctx = run.ctx
    real, fitted, scored, judged = parts
    pictures: dict[str, bytes] = {}
    children = list(_children(ctx, fitted, scored, judged, pictures))
    after = figures["rows"]["by_split_origin_label"]
    document: ValidationDocument = {
        "dataset": ctx.policy.dataset,
        "version": version,
        "policy": run.asked.loaded.path.name,
        "policy_hash": run.asked.loaded.content_hash,
        "before": {split: {"real": origins.get("real", {})} for split, origins in after.items()},
        "after": after,
        "checks": judged.answers,
        "semantic": {
            "scope": SCOPE if scored.verifier else NOT_JUDGED,
            "alpha": judged.verifier.get("alpha", ctx.policy.checks.label_consistency.alpha),
            "accuracy": judged.verifier.get("accuracy"),
            "noise_floor": judged.verifier.get("noise_floor", []),
            "rates": judged.rates,  # type: ignore[typeddict-item]
        },
        "dropped": figures["rows"]["dropped"],
        "quarantined": real.lost,
        "quarantined_rows": list(_quarantined(ctx, real, pictures)),
        "rejected": sum(rate["contradicted"] for rate in judged.rates) - len(judged.overruled),
        "rejected_children": [child for child in children if "reason" not in child],
        "overruled_children": [child for child in children if "reason" in child],
    }
    return render(document, pictures).encode()


def _children(
    ctx: Context, fitted: Fitted, scored: Scored, judged: Judged, pictures: dict[str, bytes]
) -> Iterator[RejectedChild]:
    """Contradicted children, the surest first, with their parents; pictures of both are put aside."""
    found = _contradicted(ctx, scored)
    if not found:
        return
    worst = sorted(found, key=lambda one: (one["p_value"], one[SAMPLE_ID]))
    shown = worst[:MAX_SHOWN] + [one for one in worst[MAX_SHOWN:] if one[SAMPLE_ID] in judged.overruled]
    rows = _rows(ctx, scored, shown)
    parents = parents_of(ctx, fitted.index, rows)
    by_id = {row[SAMPLE_ID]: row for row in rows.to_pylist()}
    payload = payload_column(rows.schema)
    for one in shown:
        row = by_id[one[SAMPLE_ID]]
        mine = {name: parents[name] for name in row[PARENT_IDS] if name in parents}
        if payload is not None:
            for member in (row, *mine.values()):
                pictures.setdefault(member[SAMPLE_ID], thumbnail(ctx, member, payload))
        child: RejectedChild = {
            "sample_id": row[SAMPLE_ID],
            "step": one["step"],
            "transform": one["transform"],
            "label": one["label"],
            "predicted": one["predicted"],
            "prediction_set": one["prediction_set"],
            "nonconformity": one["nonconformity"],
            "threshold": one["threshold"],
            "p_value": one["p_value"],
            "ops": row[OPS],
            "values": _values(row, payload),
            "parents": {name: _values(parent, payload) for name, parent in mine.items()},
        }
        if row[SAMPLE_ID] in judged.overruled:
            child["reason"] = judged.overruled[row[SAMPLE_ID]]
        yield child


def _contradicted(ctx: Context, scored: Scored) -> list[dict[str, Any]]:
    found = []
    for shard, child in zip(scored.shards, scored.children, strict=True):
        scores = ctx.work.read_table(f"{shard.name}.parquet")
        if "outcome" in scores.column_names:
            bad = scores.filter(pc.equal(scores["outcome"], CONTRADICTED)).to_pylist()
            found += [{**row, "step": child.step, "label": child.label, "shard": child.name} for row in bad]
    return found


def _rows(ctx: Context, scored: Scored, wanted: Sequence[Mapping[str, Any]]) -> pa.Table:
    parts = []
    for child in scored.children:
        ids = pa.array([one[SAMPLE_ID] for one in wanted if one["shard"] == child.name], pa.string())
        if len(ids):
            rows = ctx.work.read_table(f"{child.name}.parquet")
            parts.append(rows.filter(pc.is_in(rows[SAMPLE_ID], ids)))
    return pa.concat_tables(parts)


def _values(row: Mapping[str, Any], payload: str | None) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in NAMES and name != payload}


def _quarantined(ctx: Context, real: Real, pictures: dict[str, bytes]) -> Iterator[QuarantinedRow]:
    left = MAX_SHOWN
    for shard in real.valid:
        if not shard.quarantined or not left:
            continue
        for row in ctx.work.read_table(f"{shard.name}.quarantine.parquet").slice(0, left).to_pylist():
            left -= 1
            name = f"{row['object']}:{row['row']}"
            picture = small_picture(ctx, row["payload"]) if row["payload"] else None
            if picture:
                pictures[name] = picture
            yield {
                "sample_id": name,
                "reasons": row["reasons"],
                "source": f"{row['object']} row {row['row']}",
                "values": _content(row["content"]),
            }


def _content(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {"text": text}
    return found if isinstance(found, dict) else {"text": text}
