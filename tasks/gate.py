"""Gate: what the version must show as a whole - that it helps, gives nobody away, costs no more than allowed."""

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import gate as stage
from augmill.tasks.stages.check import CheckResult


@task(name="gate", **STAGE)
def gate(run: Run, checked: CheckResult) -> CheckResult:
    """Judge the version by the policy's gates: pass, warn or end the run, as each gate says."""
    return stage.gate(run, checked)
