"""Publish: one atomic commit of the real rows and the children that passed."""

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import publish as stage
from augmill.tasks.stages.check import CheckResult
from augmill.tasks.stages.publish import Version
from augmill.tasks.stages.split import RealRows


@task(name="publish", **STAGE)
def publish(run: Run, real: RealRows, checked: CheckResult) -> Version:
    """Make the version visible, whole or not at all, and point the policy's channel at it."""
    return stage.publish(run, real, checked)
