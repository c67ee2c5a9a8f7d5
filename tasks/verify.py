"""Verify: score columns for every child - structure, label, likeness - that the checks will judge."""

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.descriptors import ChildShard
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import verify as stage
from augmill.tasks.stages.fit import FitResult
from augmill.tasks.stages.verify import ScoreResult


@task(name="verify", **STAGE)
def verify(run: Run, fitted: FitResult, children: list[ChildShard]) -> ScoreResult:
    """Score every child against the real rows it came from and the verifier that never saw them."""
    return stage.verify(run, fitted, children)
