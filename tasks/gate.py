"""Gate: what the version must show as a whole - that it helps, gives nobody away, costs no more than allowed."""

from augmill.tasks.options import STAGE
from augmill.tasks.work import gates as work
from augmill.tasks.work.outcome import Checked
from augmill.tasks.work.run import Run
from prefect import task


@task(name="gate", **STAGE)
def gate(run: Run, checked: Checked) -> Checked:
    """Judge the version to be by the policy's gates: pass, warn or end the run, as each gate says."""
    with run.stage("gate") as figures:
        passed = work.gate(run, checked)
        figures["gates"] = len(work.written(run.ctx.policy.gates))
        return passed
