"""Fit: what transforms and the verifier learn, once, from real training rows only."""

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import fit as stage
from augmill.tasks.stages.fit import FitResult
from augmill.tasks.stages.split import RealRows


@task(name="fit", **STAGE)
def fit(run: Run, real: RealRows) -> FitResult:
    """Describe the training rows, plan the amounts, judge the policy by both, fit every step and the verifier."""
    return stage.fit(run, real)
