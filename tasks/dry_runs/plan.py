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


def plan(asked: RunRequest, runner: Runner, scratch: str) -> dict[str, Any]:
    """The plan as one JSON-able document. `scratch` is an empty folder, to be removed afterwards."""
    ctx = replace(asked.ctx, scratch=scratch)
    before = asked.before
    seen = PlanProgress(findings=lint_facts.judge_with_data(asked, None))
    document: dict[str, Any] = {
        "dataset": ctx.policy.dataset,
        "policy": asked.loaded.display_path,
        "policy_hash": asked.loaded.content_hash,
        "current_version": before.version if before else None,
        "up_to_date": asked.unchanged,
        "unrecorded": asked.unchanged and not asked.recorded,
        "announces": unannounced(ctx, before.version) if before is not None and asked.unchanged else None,
        "ignored": asked.listing.ignored_summary,
        "gates": list(gates_of(ctx.policy.gates)) if ctx.policy.steps else [],
        "changes": changes(asked),
        "rows": {"before": _published_counts(asked), "after": _published_counts(asked)},
    }
    if not asked.unchanged:
        _look_ahead(replace(asked, ctx=ctx), runner, seen)
        document |= _foreseen(ctx, asked, runner, seen)
    document |= _judgement(seen)
    version = before.version + 1 if before else 0
    return {**document, "next_version": version if _publishes(asked, document) else None}


def _publishes(asked: RunRequest, document: Mapping[str, Any]) -> bool:
    """Whether a run would commit a version: nothing refuses it, and it would not be the current one once more."""
    if document["up_to_date"] or document["exit_code"]:
        return False
    before, files = asked.before, document["files"]
    same = before is not None and not files["added"] and not files["removed"]
    asked_same = before is not None and (before.manifest.policy_hash, before.manifest.suite_text) == (
        asked.loaded.content_hash,
        asked.suite_text,
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


def _foreseen(ctx: Context, asked: RunRequest, runner: Runner, seen: PlanProgress) -> dict[str, Any]:
    """All that can be said of the run, from what the stages answered."""
    fitted = seen.fitted
    made = _made(ctx)
    items = [item for step in fitted.steps for item in child_items(ctx, step, fitted.description)] if fitted else []
    known = runner.map(partial(_is_made, asked.ctx.work), [item.name for item in items])
    fresh = [item for item, there in zip(items, known, strict=True) if not there]
    cost = estimate(ctx, fitted, fresh) if fitted else Cost()
    if fitted:
        seen.cpu_seconds |= {"augment": cost.augment_seconds, "verify": cost.verify_seconds}
    children = [(item.name, item.stop - item.start, not there) for item, there in zip(items, known, strict=True)]
    return {
        "rows": {"before": _published_counts(asked), "after": _planned_counts(ctx, seen)},
        "steps": _steps(ctx, seen),
        "reuse": _reuse(seen, made, children),
        "files": _files(asked, seen, children, cost) if fitted else None,
        "work_bytes": round(sum(made.values()) + cost.bytes),
        "cpu_seconds": {stage: round(seconds, 3) for stage, seconds in seen.cpu_seconds.items()},
        "quarantine": _quarantine(ctx, seen),
        "columns": _columns(ctx, asked),
    }


def _made(ctx: Context) -> dict[str, int]:
    """Bytes of every object that was not in the lake and had to be made; files of the table count as theirs."""
    scratch = Store(str(ctx.scratch))
    work = {entry.name: entry.bytes for entry in scratch.sub(OBJECTS, ctx.policy.dataset, "work").list()}
    return work | {entry.name: 0 for entry in scratch.sub(ctx.policy.dataset).list()}


def _is_made(work: Store, name: str) -> bool:
    return work.exists(f"children/{name}.json")


Shards = Iterable[tuple[str, int, bool]]
"""Name, rows, and whether a run would have to make it."""


def _reuse(seen: PlanProgress, made: Collection[str], children: Shards) -> dict[str, Any]:
    """Per stage, what a run would have to make and what it would find made."""
    told = {}
    if seen.raw:
        told["raw"] = _told((one.name, one.rows, f"{one.name}.parquet" in made) for one in seen.raw.shards)
    if seen.valid:
        told["valid"] = _told((one.name, one.rows, f"{one.name}.json" in made) for one in seen.valid.shards)
    if seen.real:
        told["real files"] = _told((one.path, one.rows, one.path in made) for one in seen.real.files)
    if seen.fitted:
        fitted = seen.fitted
        told["fit"] = _told((one.state, fitted.real[one.label], one.state in made) for one in fitted.steps)
        told["children"] = _told(children)
    return told


def _told(shards: Shards) -> dict[str, Any]:
    found = list(shards)
    new = [(name, rows) for name, rows, fresh in found if fresh]
    return {
        "new": {"shards": len(new), "rows": sum(rows for _, rows in new), "names": [name for name, _ in new]},
        "reused": {
            "shards": len(found) - len(new),
            "rows": sum(rows for _, rows, fresh in found if not fresh),
        },
    }


def _files(
    asked: RunRequest, seen: PlanProgress, children: Sequence[tuple[str, int, bool]], cost: Cost
) -> dict[str, Any]:
    """Files of the version to be that the current one has, or has not, and the bytes that come new to the table."""
    old = asked.before.manifest.data_files if asked.before else []
    paths, shards = {file.path for file in old}, {file.shard for file in old}
    real = seen.real.files if seen.real else ()
    added = [file.bytes for file in real if file.path not in paths]
    # Children that an older version held, or an unfinished run made: not to be computed, but to be written.
    again = [name for name, _, fresh in children if not fresh and f"children/{name}" not in shards]
    work = asked.ctx.work
    rewritten = [ChildShard.from_json(json.loads(work.read(f"children/{name}.json"))).bytes for name in again]
    fresh = sum(fresh for _, _, fresh in children)
    kept = len(real) + len(children) - len(added) - len(again) - fresh
    return {
        "kept": kept,
        "added": len(added) + len(again) + fresh,
        "removed": len(old) - kept,
        "new_bytes": {"real": sum(added), "children": round(cost.bytes + sum(rewritten))},
    }


def _steps(ctx: Context, seen: PlanProgress) -> list[dict[str, Any]]:
    return [
        {
            "name": step.name,
            "use": [use.use for use in step.transforms],
            "planned": expected_children(step, seen.amounts[step.name]),
        }
        for step in ctx.policy.steps
        if step.name in seen.amounts
    ]


def _published_counts(asked: RunRequest) -> Counts:
    if asked.before is None:
        return {}
    counts: Counts = asked.before.manifest.figures["rows"]["by_split_origin_label"]
    return counts


def _planned_counts(ctx: Context, seen: PlanProgress) -> Counts:
    """Rows by split, origin and class as they will be published, before checks drop any."""
    if seen.real is None:
        return {}
    counts: Counts = {split: {REAL: labels} for split, labels in lint_facts.counts_of(seen.real.files).items()}
    for step in ctx.policy.steps:
        made = counts.setdefault("train", {}).setdefault(origin_of(ops_of(ctx, step)), {})
        for label, count in expected_children(step, seen.amounts.get(step.name, {})).items():
            made[label] = made.get(label, 0) + count
    return counts


def _quarantine(ctx: Context, seen: PlanProgress) -> dict[str, Any] | None:
    """Rows that would be quarantined: by the suite, with its budget, and because no split can take them."""
    if seen.raw is None or seen.valid is None:
        return None
    total = sum(shard.rows + shard.faults for shard in seen.raw.shards)
    rows = seen.valid.quarantined + (sum(seen.real.refused.values()) if seen.real else 0)
    return {
        "of": total,
        "rows": rows,
        "share": rows / total,
        "budget": ctx.suite.budget.max_quarantine_share,
        "reasons": seen.valid.reasons,
        "refused": seen.real.refused if seen.real else {},
    }


def _columns(ctx: Context, asked: RunRequest) -> list[dict[str, Any]]:
    try:
        return columns(ctx, asked)
    except DataError:
        return []  # the source cannot be read, which is noted as a fault already


def _judgement(seen: PlanProgress) -> dict[str, Any]:
    """Lint findings, why a run would end early, and the exit code that says so: 2 the policy, 3 the data."""
    wrong = any(finding.severity == "error" for finding in seen.findings)
    wrong |= any(isinstance(fault, PolicyError) for fault in seen.faults)
    return {
        "lint": [asdict(finding) for finding in seen.findings],
        "faults": [
            {"kind": type(fault).__name__, "cause": fault.cause, "remedy": fault.remedy} for fault in seen.faults
        ],
        "exit_code": PolicyError.exit_code if wrong else DataError.exit_code if seen.faults else 0,
    }
