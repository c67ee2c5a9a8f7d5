"""Publish: one atomic commit of the real rows and the children that passed."""

from augmill.tasks.options import STAGE
from augmill.tasks.work import publish as work
from augmill.tasks.work.outcome import Checked
from augmill.tasks.work.publish import Version
from augmill.tasks.work.run import Run
from augmill.tasks.work.split import Real
from prefect import task


@task(name="publish", **STAGE)
def publish(run: Run, real: Real, checked: Checked) -> Version:
    """Make the version visible, whole or not at all, and point the policy's channel at it."""
    with run.stage("publish") as figures:
        version = work.publish(run, real, checked)
        figures["version"] = version.number
        return version
