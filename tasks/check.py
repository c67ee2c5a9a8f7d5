"""Check: the label-consistency gates; nothing that fails them is published."""

from prefect import task

from tasks.options import STAGE
from tasks.work import outcome as work
from tasks.work.fit import Fitted
from tasks.work.outcome import Checked
from tasks.work.run import Run
from tasks.work.split import Real
from tasks.work.verify import Scored


@task(name="check", **STAGE)
def check(run: Run, real: Real, fitted: Fitted, scored: Scored) -> Checked:
    """Judge the scores by the policy: drop, warn or end the run, as each check says."""
    with run.stage("check") as figures:
        checked = work.check(run, real, fitted, scored)
        figures["dropped"] = checked.dropped
        return checked
