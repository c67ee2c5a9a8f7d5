"""Plan: say what a run would do - rows, bytes, time, what is reused, what would fail - and keep nothing of it.

The stages up to fit are run for real, with the code of a run, on a scratch folder laid over the lake; children are
only sampled. So counts are exact, up to rows that checks would drop; bytes and CPU time of children are estimates.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from augmill.policies.errors import AugmillError, DataError, Finding, PolicyError
from augmill.tasks.dry_runs.changes import changes, columns
from augmill.tasks.dry_runs.estimate import Cost, estimate
from augmill.tasks.pipeline import Results, run_until
from augmill.tasks.rows.provenance import REAL
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.components import ops_of
from augmill.tasks.runs.context import OBJECTS, Context
from augmill.tasks.runs.descriptors import ChildShard
from augmill.tasks.runs.request import RunRequest
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import lint_facts
from augmill.tasks.stages.augment import child_items
from augmill.tasks.stages.fit import origin_of
from augmill.tasks.stages.gate import gates_of
from augmill.tasks.stages.lint_facts import Amounts
from augmill.tasks.stages.profile import Profile
from augmill.tasks.stages.publish import unannounced
from augmill.tasks.stages.sampling_plan import expected_children, planned
from augmill.tasks.stages.split import RealRows
from augmill.tasks.storage.store import Store

Counts = dict[str, dict[str, dict[str, int]]]


@dataclass
class PlanProgress(Results):
    """What the stages handed on, as far as they came, and why a run would end before its end."""

    findings: list[Finding] = field(default_factory=list)
    faults: list[AugmillError] = field(default_factory=list)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    amounts: Amounts = field(default_factory=dict)


def plan(request: RunRequest, runner: Runner, scratch: str) -> dict[str, Any]:
    """The plan as one JSON-able document. `scratch` is an empty folder, to be removed afterwards."""
    ctx = replace(request.ctx, scratch=scratch)
    before = request.before
    progress = PlanProgress(findings=lint_facts.judge_with_data(request, None))
    document: dict[str, Any] = {
        "dataset": ctx.policy.dataset,
        "policy": request.loaded.display_path,
        "policy_hash": request.loaded.content_hash,
        "current_version": before.version if before else None,
        "up_to_date": request.unchanged,
        "unrecorded": request.unchanged and not request.recorded,
        "announces": unannounced(ctx, before.version) if before is not None and request.unchanged else None,
        "ignored": request.listing.ignored_summary,
        "gates": list(gates_of(ctx.policy.gates)) if ctx.policy.steps else [],
        "changes": changes(request),
        "rows": {"before": _published_counts(request), "after": _published_counts(request)},
    }
    if not request.unchanged:
        _look_ahead(replace(request, ctx=ctx), runner, progress)
        document |= _forecast(ctx, request, runner, progress)
    document |= _judgement(progress)
    version = before.version + 1 if before else 0
    return {**document, "next_version": version if _publishes(request, document) else None}


def _publishes(request: RunRequest, document: Mapping[str, Any]) -> bool:
    """Whether a run would commit a version: nothing refuses it, and it would not be the current one once more."""
    if document["up_to_date"] or document["exit_code"]:
        return False
    before, files = request.before, document["files"]
    same = before is not None and not files["added"] and not files["removed"]
    asked_same = before is not None and (before.manifest.policy_hash, before.manifest.suite_text) == (
        request.loaded.content_hash,
        request.suite_text,
    )
    return not (same and asked_same)


def _look_ahead(request: RunRequest, runner: Runner, progress: PlanProgress) -> None:
    """Run the stages up to fit; what would end a run is noted, and the stages after it are left out."""

    def plan_amounts(real: RealRows, profile: Profile) -> tuple[Amounts, list[Finding]]:
        with suppress(DataError):
            progress.amounts = planned(request.ctx.policy, profile.real)
        amounts, progress.findings = lint_facts.resolve_amounts(request, real, profile)
        return amounts, progress.findings

    run = Run(request, runner, "", "plan", on_refusal=progress.faults.append, plan_amounts=plan_amounts)
    try:
        run_until("fit", run, results=progress)
    except PolicyError as fault:
        if fault.findings:
            progress.findings = list(fault.findings)
        else:
            progress.faults.append(fault)
    except DataError as fault:
        if not progress.faults:  # else it may only follow from what was noted: rows in quarantine cannot be trained on
            progress.faults.append(fault)
    progress.cpu_seconds = {stage["name"]: stage["figures"]["cpu_seconds"] for stage in run.stages}


def _forecast(ctx: Context, request: RunRequest, runner: Runner, progress: PlanProgress) -> dict[str, Any]:
    """All that can be said of the run, from what the stages answered."""
    fitted = progress.fitted
    new_objects = _new_object_bytes(ctx)
    items = [item for step in fitted.steps for item in child_items(ctx, step, fitted.description)] if fitted else []
    exist = runner.map(partial(_shard_exists, request.ctx.work), [item.name for item in items])
    fresh = [item for item, exists in zip(items, exist, strict=True) if not exists]
    cost = estimate(ctx, fitted, fresh) if fitted else Cost()
    if fitted:
        progress.cpu_seconds |= {"augment": cost.augment_seconds, "verify": cost.verify_seconds}
    children = [(item.name, item.stop - item.start, not exists) for item, exists in zip(items, exist, strict=True)]
    return {
        "rows": {"before": _published_counts(request), "after": _planned_counts(ctx, progress)},
        "steps": _steps(ctx, progress),
        "reuse": _reuse(progress, new_objects, children),
        "files": _files(request, progress, children, cost) if fitted else None,
        "work_bytes": round(sum(new_objects.values()) + cost.bytes),
        "cpu_seconds": {stage: round(seconds, 3) for stage, seconds in progress.cpu_seconds.items()},
        "quarantine": _quarantine(ctx, progress),
        "columns": _columns(ctx, request),
    }


def _new_object_bytes(ctx: Context) -> dict[str, int]:
    """Bytes of every object that was not in the lake and had to be made; files of the table count as theirs."""
    scratch = Store(str(ctx.scratch))
    work = {entry.name: entry.bytes for entry in scratch.sub(OBJECTS, ctx.policy.dataset, "work").list()}
    return work | {entry.name: 0 for entry in scratch.sub(ctx.policy.dataset).list()}


def _shard_exists(work: Store, name: str) -> bool:
    return work.exists(f"children/{name}.json")


Shards = Iterable[tuple[str, int, bool]]
"""Name, rows, and whether a run would have to make it."""


def _reuse(progress: PlanProgress, new_objects: Collection[str], children: Shards) -> dict[str, Any]:
    """Per stage, what a run would have to make and what it would find made."""
    counts_by_stage = {}
    if progress.raw:
        counts_by_stage["raw"] = _new_and_reused(
            (shard.name, shard.rows, f"{shard.name}.parquet" in new_objects) for shard in progress.raw.shards
        )
    if progress.valid:
        counts_by_stage["valid"] = _new_and_reused(
            (shard.name, shard.rows, f"{shard.name}.json" in new_objects) for shard in progress.valid.shards
        )
    if progress.real:
        counts_by_stage["real files"] = _new_and_reused(
            (file.path, file.rows, file.path in new_objects) for file in progress.real.files
        )
    if progress.fitted:
        fitted = progress.fitted
        counts_by_stage["fit"] = _new_and_reused(
            (step.state, fitted.real[step.label], step.state in new_objects) for step in fitted.steps
        )
        counts_by_stage["children"] = _new_and_reused(children)
    return counts_by_stage


def _new_and_reused(shards: Shards) -> dict[str, Any]:
    listed = list(shards)
    new = [(name, rows) for name, rows, fresh in listed if fresh]
    return {
        "new": {"shards": len(new), "rows": sum(rows for _, rows in new), "names": [name for name, _ in new]},
        "reused": {
            "shards": len(listed) - len(new),
            "rows": sum(rows for _, rows, fresh in listed if not fresh),
        },
    }


def _files(
    request: RunRequest, progress: PlanProgress, children: Sequence[tuple[str, int, bool]], cost: Cost
) -> dict[str, Any]:
    """Files of the version to be that the current one has, or has not, and the bytes that come new to the table."""
    old = request.before.manifest.data_files if request.before else []
    paths, shards = {file.path for file in old}, {file.shard for file in old}
    real = progress.real.files if progress.real else ()
    added = [file.bytes for file in real if file.path not in paths]
    # Children that an older version held, or an unfinished run made: not to be computed, but to be written.
    again = [name for name, _, fresh in children if not fresh and f"children/{name}" not in shards]
    work = request.ctx.work
    rewritten = [ChildShard.from_json(json.loads(work.read(f"children/{name}.json"))).bytes for name in again]
    fresh = sum(fresh for _, _, fresh in children)
    unchanged = len(real) + len(children) - len(added) - len(again) - fresh
    return {
        "kept": unchanged,
        "added": len(added) + len(again) + fresh,
        "removed": len(old) - unchanged,
        "new_bytes": {"real": sum(added), "children": round(cost.bytes + sum(rewritten))},
    }


def _steps(ctx: Context, progress: PlanProgress) -> list[dict[str, Any]]:
    return [
        {
            "name": step.name,
            "use": [use.use for use in step.transforms],
            "planned": expected_children(step, progress.amounts[step.name]),
        }
        for step in ctx.policy.steps
        if step.name in progress.amounts
    ]


def _published_counts(request: RunRequest) -> Counts:
    if request.before is None:
        return {}
    counts: Counts = request.before.manifest.figures["rows"]["by_split_origin_label"]
    return counts


def _planned_counts(ctx: Context, progress: PlanProgress) -> Counts:
    """Rows by split, origin and class as they will be published, before checks drop any."""
    if progress.real is None:
        return {}
    counts: Counts = {split: {REAL: labels} for split, labels in lint_facts.counts_of(progress.real.files).items()}
    for step in ctx.policy.steps:
        child_counts = counts.setdefault("train", {}).setdefault(origin_of(ops_of(ctx, step)), {})
        for label, count in expected_children(step, progress.amounts.get(step.name, {})).items():
            child_counts[label] = child_counts.get(label, 0) + count
    return counts


def _quarantine(ctx: Context, progress: PlanProgress) -> dict[str, Any] | None:
    """Rows that would be quarantined: by the suite, with its budget, and because no split can take them."""
    if progress.raw is None or progress.valid is None:
        return None
    total = sum(shard.rows + shard.faults for shard in progress.raw.shards)
    rows = progress.valid.quarantined + (sum(progress.real.refused.values()) if progress.real else 0)
    return {
        "of": total,
        "rows": rows,
        "share": rows / total,
        "budget": ctx.suite.budget.max_quarantine_share,
        "reasons": progress.valid.reasons,
        "refused": progress.real.refused if progress.real else {},
    }


def _columns(ctx: Context, request: RunRequest) -> list[dict[str, Any]]:
    try:
        return columns(ctx, request)
    except DataError:
        return []  # the source cannot be read, which is noted as a fault already


def _judgement(progress: PlanProgress) -> dict[str, Any]:
    """Lint findings, why a run would end early, and the exit code that says so: 2 the policy, 3 the data."""
    wrong = any(finding.severity == "error" for finding in progress.findings)
    wrong |= any(isinstance(fault, PolicyError) for fault in progress.faults)
    return {
        "lint": [asdict(finding) for finding in progress.findings],
        "faults": [
            {"kind": type(fault).__name__, "cause": fault.cause, "remedy": fault.remedy} for fault in progress.faults
        ],
        "exit_code": PolicyError.exit_code if wrong else DataError.exit_code if progress.faults else 0,
    }
