"""Check: the label-consistency gates; nothing that fails them is published."""

from augmill.tasks.options import STAGE
from augmill.tasks.work import outcome as work
from augmill.tasks.work.fit import Fitted
from augmill.tasks.work.outcome import Checked
from augmill.tasks.work.run import Run
from augmill.tasks.work.split import Real
from augmill.tasks.work.verify import Scored
from prefect import task


@task(name="check", **STAGE)
def check(run: Run, real: Real, fitted: Fitted, scored: Scored) -> Checked:
    """Judge the scores by the policy: drop, warn or end the run, as each check says."""
    with run.stage("check") as figures:
        checked = work.check(run, real, fitted, scored)
        figures["dropped"] = checked.dropped
        return checked
