"""Check: hold the scores against the policy. What fails is dropped, named, or ends the run before anything is seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.expectations import checks
from augmill.expectations.build import expectation_class
from augmill.expectations.judge import NOTHING_JUDGED, Verdict, judge
from augmill.expectations.suite import Spec
from augmill.policies.errors import DataError
from augmill.tasks.documents.check_reports import answers
from augmill.tasks.documents.report_document import CheckReport
from augmill.tasks.rows.provenance import SAMPLE_ID
from augmill.tasks.runs.components import custom_expectations
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import AcceptedShard
from augmill.tasks.sources.column_types import arrow_of
from augmill.tasks.stages.fit import FitResult
from augmill.tasks.stages.fit_verifier import load_verifier, read_sample
from augmill.tasks.stages.quarantine_rows import is_plain
from augmill.tasks.stages.sampling_plan import expected_children, is_deterministic
from augmill.tasks.stages.verify import ScoreResult, real_index
from augmill.tasks.storage.delta_schema import held_type
from augmill.tasks.storage.store import Store
from augmill.tasks.verifiers import distribution, outcome_counts, parentage
from augmill.tasks.verifiers.calibration import CONTRADICTED

HELD_OUT = "no_copy_of_held_out_row"
HELD_OUT_COPY = "it equals a validation or test row"
CONTRADICTED_LABEL = "its label is contradicted by the verifier"
NO_GAPS = "column_values_to_not_be_null"
FAIL, WARN, DROP = "fail", "warn", "drop"
TOO_FEW = {
    "enough_rows_to_judge",
    "verifier_to_tell_classes_apart",
    "verifier_to_catch_swapped_labels",
}
"""Checks that say the verifier cannot judge, rather than that a label is wrong."""


@dataclass(frozen=True)
class Verdicts:
    """What the checks made of all children: answers, the ids to drop, and the figures behind them."""

    answers: list[CheckReport]
    dropped: Mapping[str, str]
    overruled: dict[str, str]
    rates: list[dict[str, Any]] = field(default_factory=list)
    verifier: dict[str, Any] = field(default_factory=dict)


def judge_children(ctx: Context, types: Mapping[str, str], fitted: FitResult, scored: ScoreResult) -> Verdicts:
    """Judge structure, labels and likeness of all children; raises nothing, decides nothing.

    `types`: columns and types of the real rows.
    """
    if not scored.rows:
        return Verdicts([], {}, {})
    scores = read_scores(ctx, scored)
    verdicts = [judge(*_structural(ctx, scored, scores)), judge(*_real_rows(ctx, scored))]
    # That a column of booleans has no gaps is worth a line only where it has.
    reports = [report for verdict in verdicts for report in answers(verdict, "structural")]
    answered: list[CheckReport] = [
        {**report, "on_failure": DROP if report["name"] == HELD_OUT else FAIL}
        for report in reports
        if not (report["success"] and report["name"].startswith(NO_GAPS))
    ]
    overrule = ctx.policy.checks.label_consistency.overrule
    dropped = _held_out_copies(scores)
    overruled: dict[str, str] = {}
    rates: list[dict[str, Any]] = []
    verifier: dict[str, Any] = {}
    if scored.verifier is not None:
        counts, rejected, overruled = _outcomes(ctx, scores, overrule)
        dropped |= dict.fromkeys(rejected, CONTRADICTED_LABEL)
        known = load_verifier(ctx, scored.verifier)
        rates = outcome_counts.rates(counts, known)
        figures = outcome_counts.figures(counts, known)
        verifier = {"accuracy": known.accuracy, "noise_floor": known.noise_floor(), "alpha": known.alpha}
        answered += _semantic(ctx, figures)
    answered += _distributional(ctx, types, fitted, scored, scores, dropped)
    answered += _custom(ctx, scored, scores)
    return Verdicts(answered, dropped, overruled, rates, verifier)


def failures(judged: Verdicts) -> list[CheckReport]:
    """The checks that failed and may not be passed over."""
    return [answer for answer in judged.answers if not answer["success"] and answer["on_failure"] == FAIL]


def refuse(judged: Verdicts, page: str) -> None:
    """Raise one DataError naming every check that failed and may not be passed over, and the page that shows why."""
    failed = failures(judged)
    subject = "the rows" if any(answer["failing"] for answer in failed) else "the figures"
    raise DataError(
        "nothing was published, because these checks failed:\n"
        + "\n".join(f"  {answer['name']}: {_said(answer)}" for answer in failed),
        f"The report {page} shows {subject}. Make the step milder or remove it, or change the target in `checks`.",
        {"failed": failed, "report": page},
    )


def accept(scored: ScoreResult, judged: Verdicts, scores: pa.Table | None) -> list[AcceptedShard]:
    """Every shard with the ids that are not to be published, and how many rows of each class are left."""
    if scores is None:
        return []
    dropped = pc.is_in(scores[SAMPLE_ID], pa.array(sorted(judged.dropped), pa.string()))
    accepted, start = [], 0
    for shard, child in zip(scored.shards, scored.children, strict=True):
        shard_scores, out = scores.slice(start, shard.rows), dropped.slice(start, shard.rows)
        counts_by_label = Counter(shard_scores["label"].filter(pc.invert(out)).to_pylist())
        accepted.append(
            AcceptedShard(
                child, tuple(sorted(shard_scores[SAMPLE_ID].filter(out).to_pylist())), shard.name, dict(counts_by_label)
            )
        )
        start += shard.rows
    return accepted


def read_scores(ctx: Context, scored: ScoreResult) -> pa.Table:
    """The score columns of all children, their label among them, with their step and shard."""
    pairs = zip(scored.shards, scored.children, strict=True)
    return _scores(ctx.work, tuple((shard.name, child.step) for shard, child in pairs))


@lru_cache(maxsize=1)
def _scores(store: Store, shards: tuple[tuple[str, str], ...]) -> pa.Table:
    """The checks, the report and both lists of the page of rejections ask for the same."""
    parts = []
    for shard, step in shards:
        table = store.read_table(f"{shard}.parquet")
        for name, value in (("step", step), ("shard", shard)):
            table = table.append_column(name, pa.repeat(value, table.num_rows))
        parts.append(table)
    return pa.concat_tables(parts, promote_options="default").combine_chunks()


def _structural(ctx: Context, scored: ScoreResult, scores: pa.Table) -> tuple[Any, tuple[Spec, ...], list[str]]:
    ids = scores[SAMPLE_ID].combine_chunks()
    names = [name for name in checks.STRUCTURAL if name in scores.column_names]
    table = scores.select(names).append_column(
        "id_unique", parentage.unique(ids, real_index(ctx.work, scored.likeness))
    )
    return table.to_pandas(), checks.structural(table.column_names), ids.to_pylist()


def _real_rows(ctx: Context, scored: ScoreResult) -> tuple[Any, tuple[Spec, ...], list[str]]:
    """The files that will be published, read back: no sample and no group stands in two splits."""
    rows = ctx.work.read_table(f"{scored.likeness}.parquet").combine_chunks()
    splits = rows["split"].combine_chunks()
    in_one_place = np.asarray(parentage.in_one_split(rows["bond"].combine_chunks(), splits))
    group = rows["group"].combine_chunks()
    in_one_place &= np.asarray(
        parentage.in_one_split(pc.if_else(pc.equal(group, pa.scalar(0, group.type)), None, group), splits)
    )
    table = pa.table({"in_one_split": in_one_place})
    return table.to_pandas(), checks.structural(table.column_names), rows["sample_id"].to_pylist()


def _held_out_copies(scores: pa.Table) -> dict[str, str]:
    """Children that chance made equal to a validation or test row: they are never published, and end no run."""
    copied = pc.invert(scores["not_a_held_out_row"])
    return dict.fromkeys(scores[SAMPLE_ID].filter(copied).to_pylist(), HELD_OUT_COPY)


def _outcomes(
    ctx: Context, scores: pa.Table, overrule: Mapping[str, str]
) -> tuple[pa.Table, list[str], dict[str, str]]:
    ids = scores[SAMPLE_ID].combine_chunks()
    accepted = pc.is_in(ids, value_set=pa.array(sorted(overrule), pa.string()))
    step, transform, label = (scores[name].combine_chunks() for name in ("step", "transform", "label"))
    counts = outcome_counts.tally(scores, step, transform, label, overruled=accepted)
    rejected = ids.filter(outcome_counts.rejected(scores, ids, overrule)).to_pylist()
    dropping = ctx.policy.checks.label_consistency.on_failure == DROP
    contradicted = pc.equal(scores["outcome"].combine_chunks(), CONTRADICTED)
    saved = ids.filter(pc.and_(contradicted, accepted)).to_pylist()
    return counts, rejected if dropping else [], {name: overrule[name] for name in saved}


def _semantic(ctx: Context, figures: Mapping[str, float | None]) -> list[CheckReport]:
    check = ctx.policy.checks.label_consistency
    specs = [spec for spec in checks.semantic(check) if _column(spec) in figures]
    reports: list[CheckReport] = []
    for answer in answers(_judge_figures(figures, specs), "semantic"):
        # Dropping is the answer to contradicted labels; that too many were dropped is not.
        dropping = check.on_failure == DROP and answer["name"] == "label_consistency_rate"
        on_failure = check.on_too_few if _cannot_judge(answer) else DROP if dropping else _stop(check.on_failure)
        floor = figures.get("floor_consistency_rate")
        if dropping and floor is not None:
            answer["description"] += f" Held-out real rows reach {floor:.4f}."
        reports.append({**answer, "on_failure": on_failure})
    return reports


def _cannot_judge(answer: CheckReport) -> bool:
    """Whether a failed check is a word on the verifier or on too few rows, and so no word on the children."""
    return answer["name"] in TOO_FEW or answer["error"] == NOTHING_JUDGED


def _stop(on_failure: str) -> str:
    return WARN if on_failure == WARN else FAIL


def _distributional(
    ctx: Context,
    types: Mapping[str, str],
    fitted: FitResult,
    scored: ScoreResult,
    scores: pa.Table,
    dropped: Mapping[str, str],
) -> list[CheckReport]:
    check = ctx.policy.checks.distribution
    figures = {
        "copy_share": float(np.asarray(scores["copy"]).mean()),
        "columns_of_other_type": _columns_of_other_type(ctx, types, scored),
        "out_of_range_share": 1.0 - float(np.asarray(scores["in_range"]).mean()),
        "class_share_gap": _class_share_gap(ctx, fitted, scores, dropped),
        **_neighbourhoods(ctx, scored),
    }
    specs = checks.distributional(check, list(figures))
    too_few = ctx.policy.checks.label_consistency.on_too_few
    return [
        {**answer, "on_failure": too_few} if _cannot_judge(answer) else answer
        for answer in answers(_judge_figures(figures, specs), "distributional", check.on_failure)
    ]


def _custom(ctx: Context, scored: ScoreResult, scores: pa.Table) -> list[CheckReport]:
    """The users' own expectations, over all children: their columns and their scores."""
    names = ctx.policy.checks.custom
    if not names:
        return []
    tables = [ctx.work.read_table(f"{child.name}.parquet") for child in scored.children]
    rows = pa.concat_tables(tables, promote_options="default")
    plain = rows.select([field.name for field in rows.schema if is_plain(field)])
    for name in scores.column_names:
        if name not in plain.column_names:
            plain = plain.append_column(name, scores[name])
    ids = plain[SAMPLE_ID].to_pylist()
    verdict = judge(plain.to_pandas(), checks.custom(names), ids, custom_expectations(ctx.plugins, names))
    return answers(verdict, "custom")


def _columns_of_other_type(ctx: Context, types: Mapping[str, str], scored: ScoreResult) -> int:
    real = {name: held_type(arrow_of(kind), name) for name, kind in types.items()}
    schemas = [ctx.work.schema(f"{child.name}.parquet") for child in scored.children]
    return len({name for schema in schemas for name in distribution.other_types(schema, real)})


def _made(scores: pa.Table, step: str) -> dict[str, int]:
    labels = scores["label"].filter(pc.equal(scores["step"], step))
    return {report["values"]: report["counts"] for report in labels.value_counts().to_pylist()}


def _class_share_gap(ctx: Context, fitted: FitResult, scores: pa.Table, dropped: Mapping[str, str]) -> float | None:
    planned, published_counts = Counter(fitted.real), Counter(fitted.real)
    for step in ctx.policy.steps:
        amounts = fitted.planned[step.name]
        # Where chance decides who is remapped, what was made is what the plan comes to.
        chance = not all(is_deterministic(step, label) for label in amounts)
        planned.update(_made(scores, step.name) if chance else expected_children(step, amounts))
    is_kept = pc.invert(pc.is_in(scores[SAMPLE_ID], pa.array(sorted(dropped), pa.string())))
    for item in scores["label"].filter(is_kept).value_counts().to_pylist():
        published_counts[item["values"]] += item["counts"]
    return distribution.class_share_gap(planned, published_counts)


def _neighbourhoods(ctx: Context, scored: ScoreResult) -> dict[str, float | None]:
    """Near copies and coverage, each for the class where it is worst; None where there is nothing to compare."""
    if scored.verifier is None:
        return {}
    real = read_sample(ctx, scored.verifier)
    samples = [read_sample(ctx, shard.name) for shard in scored.shards]
    features = np.concatenate([sample["features"] for sample in samples])
    labels = np.concatenate([sample["labels"] for sample in samples])
    reports = [
        distribution.neighbourhood(features[labels == label], real["features"][real["labels"] == label])
        for label in np.unique(labels)
    ]
    measured = [item for item in reports if item is not None]
    return {
        "near_copy_share": max((item.near_copy_share for item in measured), default=None),
        "coverage": min((item.coverage for item in measured), default=None),
    }


def _judge_figures(figures: Mapping[str, float | None], specs: Sequence[Spec]) -> Verdict:
    import pandas as pd

    return judge(pd.DataFrame({name: [np.nan if value is None else value] for name, value in figures.items()}), specs)


def _column(spec: Spec) -> str:
    return str(expectation_class(spec.type).__fields__["column"].default)  # type: ignore[attr-defined]


def _said(answer: Mapping[str, Any]) -> str:
    if answer["error"]:
        return str(answer["error"])
    ids = ", ".join(item["sample_id"] for item in answer["failing"][:5])
    observed = answer["observed"]
    observed_text = f"{observed:.6g}" if isinstance(observed, float) else observed
    return f"observed {observed_text}, wanted {answer['target']}" + (f" ({ids} ...)" if ids else "")
