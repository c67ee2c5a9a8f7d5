"""Publish: one atomic commit of the real rows and the children that passed."""

from prefect import task

from tasks.options import STAGE
from tasks.work import publish as work
from tasks.work.outcome import Checked
from tasks.work.publish import Version
from tasks.work.run import Run
from tasks.work.split import Real


@task(name="publish", **STAGE)
def publish(run: Run, real: Real, checked: Checked) -> Version:
    """Make the version visible, whole or not at all, and point the policy's channel at it."""
    with run.stage("publish") as figures:
        version = work.publish(run, real, checked)
        figures["version"] = version.number
        return version
