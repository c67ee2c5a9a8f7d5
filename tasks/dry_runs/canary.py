"""A canary: a small sample of the source goes through every stage up to publishing, in a lake to be thrown away.

What a sample cannot show is told as such: a check that misses its target by no more than chance would have it is no
failure of the policy, and figures that hang on how many rows there are come from the plan, which counted all of them.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from augmill.policies.errors import AugmillError, DataError, Finding
from augmill.tasks.documents.report_document import CheckReport
from augmill.tasks.dry_runs.sampling_error import Doubt, sampling_doubt
from augmill.tasks.dry_runs.source_sample import Sample, sample
from augmill.tasks.pipeline import P, R, Results, ended, run_until
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.request import RunRequest
from augmill.tasks.runs.run import Run
from augmill.tasks.stages.check import CheckResult
from augmill.tasks.stages.lint_facts import Amounts
from augmill.tasks.stages.profile import Profile
from augmill.tasks.stages.sampling_plan import planned
from augmill.tasks.stages.split import RealRows

MOST_CHILDREN = 2_000
"""Per step; shared out among its classes as planned."""
FEWEST_CHILDREN = 100
FULL = ("rows_budget", "bytes_budget", "cpu_seconds_budget", "money_budget", "real_share", "made_rows_per_real_row")
"""Gates that hang on how many rows there are, so that a sample says nothing of them."""


@dataclass
class CanaryResult:
    """How far the canary came: what it was made of, what the checks and gates made of it, and what ended it.

    `whole`: nothing of the source and no child was left out, so that what is found is no estimate.
    """

    sample: Sample | None = None
    stage: str = "ingest"
    is_complete: bool = False
    checked: CheckResult | None = None
    answers: list[CheckReport] = field(default_factory=list)
    published: bool = False
    fault: AugmillError | None = None


def run_canary(request: RunRequest, runner: Runner, scratch: str, lake: str, real: Mapping[str, int]) -> dict[str, Any]:
    """Run the canary and say how it went, as one JSON-able document.

    `scratch` is the folder laid over the lake that a plan of the same policy has worked in, `lake` an empty folder,
    both to be removed afterwards; `real` are all training rows by class, as the plan counted them.
    """
    # What the plan made need not be made again where the sample is all there is; its names are those of its content.
    shutil.copytree(scratch, lake, copy_function=os.link, dirs_exist_ok=True)
    flown = CanaryResult()
    try:
        _stages(request, runner, replace(request.ctx, scratch=scratch), lake, real, flown)
    except AugmillError as fault:
        flown.fault = fault
    return _document(request, flown)


def _stages(
    request: RunRequest, runner: Runner, over: Context, lake: str, real: Mapping[str, int], flown: CanaryResult
) -> None:
    """All stages on a sample, whatever checks and gates say; published only if none of them forbids it."""
    # A lake without a past: what is published already neither lends rows nor keeps them where they are.
    ctx = replace(request.ctx, lake=lake, forgotten=())
    source = ended(run_until("ingest", Run(replace(request, ctx=over), runner, "", "canary")).raw)
    flown.sample = sample(over, source, ctx)

    def plan_amounts(_: RealRows, profile: Profile) -> tuple[Amounts, list[Finding]]:
        planned_for = planned(ctx.policy, real or profile.real)
        amounts = _amounts(planned_for, real or profile.real, profile.real)
        flown.is_complete = flown.sample is not None and flown.sample.is_complete and amounts == planned_for
        return amounts, []

    def note_stage(stage: Callable[P, R]) -> Callable[P, R]:
        flown.stage = stage.__name__
        return stage

    alone = replace(request, ctx=ctx, before=None)
    run = Run(alone, runner, "", "canary", on_refusal=lambda _: None, plan_amounts=plan_amounts)
    results = run_until("check", run, note_stage, Results(raw=flown.sample.raw))
    flown.checked = results.checked
    flown.answers = list(flown.checked.judged.answers) if flown.checked else []
    passed = run_until("gate", run, note_stage, results).passed
    answers = passed.judged.answers[len(flown.answers) :] if passed else []
    flown.answers += [answer for answer in answers if not _of_all_rows(answer, flown)]
    if not any(_ends(answer) for answer in flown.answers):
        run_until("publish", run, note_stage, results)
        flown.published = True


def _of_all_rows(answer: Mapping[str, Any], flown: CanaryResult) -> bool:
    return not flown.is_complete and answer["name"] in FULL


def _ends(answer: Mapping[str, Any]) -> bool:
    return not answer["success"] and answer["on_failure"] == "fail"


def _amounts(
    planned_for: Mapping[str, Mapping[str, int]], real: Mapping[str, int], sampled: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    """Children per step and class: what all rows would get, in the proportion of the sample, and bounded."""
    amounts = {}
    for step, planned_counts in planned_for.items():
        scaled = {
            label: math.ceil(count * sampled[label] / real[label])
            for label, count in planned_counts.items()
            if sampled.get(label)
        }
        bound = min(1.0, MOST_CHILDREN / max(1, sum(scaled.values())))
        amounts[step] = {
            label: max(min(FEWEST_CHILDREN, count), math.ceil(count * bound)) for label, count in scaled.items()
        }
    return amounts


def _document(request: RunRequest, flown: CanaryResult) -> dict[str, Any]:
    chosen = flown.sample
    doubts = [sampling_doubt(answer, _judged(flown), is_complete=flown.is_complete) for answer in flown.answers]
    return {
        "sample": {"rows": chosen.rows, "of": chosen.of, "whole": flown.is_complete, "classes_left": chosen.strata_left}
        if chosen
        else None,
        "stage": flown.stage,
        "published": flown.published,
        "checks": [{**answer, "doubt": doubt} for answer, doubt in zip(flown.answers, doubts, strict=True)],
        "steps": flown.checked.figures["steps"] if flown.checked else [],
        "rates": flown.checked.figures["rates"] if flown.checked else [],
        "verifier": flown.checked.figures["verifier"] if flown.checked else {},
        "dropped": flown.checked.dropped if flown.checked else 0,
        "fault": _fault_document(flown),
        "exit_code": _exit_code(flown, doubts),
        "before": _published(request),
    }


def _judged(flown: CanaryResult) -> int:
    """Children that a figure was measured on."""
    return sum(step["made"] for step in flown.checked.figures["steps"]) if flown.checked else 0


def _fault_document(flown: CanaryResult) -> dict[str, Any] | None:
    fault = flown.fault
    if fault is None:
        return None
    document = {"kind": type(fault).__name__, "cause": fault.cause, "remedy": fault.remedy}
    return document | {"sample_too_small": _for_want_of_rows(flown)}


def _for_want_of_rows(flown: CanaryResult) -> bool:
    """Whether only the sample is at fault: all rows came through the same stage when the run was planned."""
    small = flown.sample is not None and not flown.sample.is_complete
    return small and isinstance(flown.fault, DataError) and flown.stage in ("validate", "split", "fit")


def _exit_code(flown: CanaryResult, doubts: list[Doubt]) -> int:
    if flown.fault is not None and not _for_want_of_rows(flown):
        return flown.fault.exit_code
    failed = [_ends(answer) and doubt is None for answer, doubt in zip(flown.answers, doubts, strict=True)]
    return DataError.exit_code if any(failed) else 0


def _published(request: RunRequest) -> list[dict[str, Any]]:
    """What the current version's own children were, step by step."""
    if request.before is None:
        return []
    return [dict(step) for step in request.before.manifest.figures.get("steps", [])]
