"""The outcome of a run's checks: which rows may be published, and every figure the report and the record show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from augmill.tasks.documents.report_document import CheckReport
from augmill.tasks.rows.provenance import REAL, SAMPLE_ID
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import AcceptedShard
from augmill.tasks.runs.run import Run
from augmill.tasks.stages.fit import FitResult
from augmill.tasks.stages.quarantine_rows import append, rejected_rows
from augmill.tasks.stages.split import RealRows
from augmill.tasks.stages.verdicts import Verdicts, accept, failures, judge_children, read_scores, refuse
from augmill.tasks.stages.verify import ScoreResult

NO_CLASS = "not judged: rows have no class label; masks and boxes are checked for structure only"


@dataclass(frozen=True)
class CheckResult:
    """What publish and record need: accepted shards, column types, and the figures of the version.

    `clocked` are answers that depend on how fast the run was; they are told, and kept out of the version's figures.
    """

    accepted: tuple[AcceptedShard, ...]
    dropped: int
    types: dict[str, str]
    figures: dict[str, Any]
    real: RealRows
    fitted: FitResult
    scored: ScoreResult
    judged: Verdicts
    clocked: tuple[CheckReport, ...] = ()


def check(run: Run, real: RealRows, fitted: FitResult, scored: ScoreResult) -> CheckResult:
    """Judge all children; keep rejected ones in quarantine; raise DataError if a check may not be passed over."""
    with run.stage("check") as figures:
        checked = evaluate(run, real, fitted, scored)
        if failures(checked.judged):
            run.require(lambda: refuse(checked.judged, run.keep_refusal(run, checked)))
        figures["dropped"] = checked.dropped
        return checked


def evaluate(run: Run, real: RealRows, fitted: FitResult, scored: ScoreResult) -> CheckResult:
    """Judge all children and keep rejected ones in quarantine; whether any of it ends the run is not decided here."""
    ctx = run.ctx
    judged = judge_children(ctx, real.types, fitted, scored)
    scores = read_scores(ctx, scored) if scored.rows else None
    accepted = accept(scored, judged, scores)
    append(ctx, _rejected(ctx, accepted, judged), run.at_ms)
    figures = figures_of(ctx, real, fitted, judged, accepted)
    return CheckResult(tuple(accepted), len(judged.dropped), real.types, figures, real, fitted, scored, judged)


def figures_of(
    ctx: Context, real: RealRows, fitted: FitResult, judged: Verdicts, accepted: Sequence[AcceptedShard]
) -> dict[str, Any]:
    """Counts and answers as JSON: the same for the same policy and data, whenever and wherever it ran."""
    counts = _counts(real, accepted)
    by_origin = Counter[str]()
    for origins in counts.values():
        for origin, labels in origins.items():
            by_origin[origin] += sum(labels.values())
    reasons = Counter(real.quarantined) + Counter(real.refused)
    unjudged = {"not_judged": NO_CLASS} if ctx.policy.label is None and ctx.policy.steps else {}
    return {
        **unjudged,
        "rows": {
            "real": by_origin[REAL],
            "augmented": by_origin["augmented"],
            "synthetic": by_origin["synthetic"],
            "quarantined": real.lost,
            "dropped": len(judged.dropped),
            "by_split_origin_label": counts,
        },
        "classes": _classes(fitted, counts),
        "checks": judged.answers,
        "steps": _steps(ctx, fitted, judged, accepted),
        "rates": judged.rates,
        "verifier": judged.verifier,
        "overruled": judged.overruled,
        "quarantine": {"reasons": dict(sorted(reasons.items()))},
        "lint": [{**asdict(finding), "file": Path(finding.file).name} for finding in fitted.lint],
    }


def _counts(real: RealRows, accepted: Sequence[AcceptedShard]) -> dict[str, dict[str, dict[str, int]]]:
    total: dict[str, dict[str, Counter[str]]] = {}
    for file in real.files:
        total.setdefault(file.split, {}).setdefault(REAL, Counter()).update(file.labels)
    for item in accepted:
        if item.kept:
            labels = total.setdefault("train", {}).setdefault(item.shard.origin, Counter())
            labels.update(item.labels)
    return {
        split: {origin: dict(sorted(labels.items())) for origin, labels in sorted(origins.items())}
        for split, origins in sorted(total.items())
    }


def _classes(fitted: FitResult, counts: Mapping[str, Mapping[str, Mapping[str, int]]]) -> list[dict[str, Any]]:
    """Training rows per class: real before, all after."""
    after = Counter[str]()
    for labels in counts.get("train", {}).values():
        after.update(labels)
    return [{"label": label, "before": count, "after": after[label]} for label, count in fitted.real.items()]


def _steps(
    ctx: Context, fitted: FitResult, judged: Verdicts, accepted: Sequence[AcceptedShard]
) -> list[dict[str, Any]]:
    steps = []
    for step in ctx.policy.steps:
        step_shards = [item for item in accepted if item.shard.step == step.name]
        rates = [rate for rate in judged.rates if rate["step"] == step.name]
        steps.append(
            {
                "name": step.name,
                "use": [use.use for use in step.transforms],
                "planned": sum(fitted.planned[step.name].values()),
                "made": sum(item.shard.rows for item in step_shards),
                "dropped": sum(len(item.dropped) for item in step_shards),
                "published": sum(item.kept for item in step_shards),
                **{key: sum(rate[key] for rate in rates) for key in ("judged", "contradicted", "unfamiliar")},
            }
        )
    return steps


def _rejected(ctx: Context, accepted: Sequence[AcceptedShard], judged: Verdicts) -> dict[str, pa.Table]:
    parts = {}
    for item in accepted:
        if item.dropped:
            rows = ctx.work.read_table(f"{item.shard.name}.parquet")
            picked = rows.filter(pc.is_in(rows[SAMPLE_ID], pa.array(item.dropped, pa.string())))
            parts[f"check/{item.shard.name}"] = rejected_rows(picked, item.shard.name, judged.dropped)
    return parts
