"""Check: the label-consistency checks; nothing that fails them is published."""

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import check as stage
from augmill.tasks.stages.check import CheckResult
from augmill.tasks.stages.fit import FitResult
from augmill.tasks.stages.split import RealRows
from augmill.tasks.stages.verify import ScoreResult


@task(name="check", **STAGE)
def check(run: Run, real: RealRows, fitted: FitResult, scored: ScoreResult) -> CheckResult:
    """Judge the scores by the policy: drop, warn or end the run, as each check says."""
    return stage.check(run, real, fitted, scored)
