"""Fit: what transforms and the verifier learn, once, from real training rows only."""

from dataclasses import replace

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import fit as work
from augmill.tasks.stages.fit import FitResult
from augmill.tasks.stages.lint_facts import resolve_amounts
from augmill.tasks.stages.production_sample import refuse_other_columns
from augmill.tasks.stages.profile import profile_rows
from augmill.tasks.stages.split import RealRows


@task(name="fit", **STAGE)
def fit(run: Run, real: RealRows) -> FitResult:
    """Describe the training rows, plan the amounts, judge the policy by both, fit every step and the verifier."""
    with run.stage("fit") as figures:
        surveyed = profile_rows(run.ctx, run.runner, real.files)
        refuse_other_columns(run.ctx, run.runner, run.request.production, real.types, surveyed.description)
        amounts, warnings = resolve_amounts(run.ctx, run.request, real, surveyed)
        fitted = replace(work.fit(run.ctx, run.runner, surveyed, amounts), lint=tuple(warnings))
        figures["planned"] = sum(step.count for step in fitted.steps)
        return fitted
