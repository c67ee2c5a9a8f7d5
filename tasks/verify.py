"""Verify: score columns for every child - structure, label, likeness - that the checks will judge."""

from prefect import task

from tasks.options import STAGE
from tasks.work import verify as work
from tasks.work.descriptors import ChildShard
from tasks.work.fit import Fitted
from tasks.work.run import Run
from tasks.work.verify import Scored


@task(name="verify", **STAGE)
def verify(run: Run, fitted: Fitted, children: list[ChildShard]) -> Scored:
    """Score every child against the real rows it came from and the verifier that never saw them."""
    with run.stage("verify") as figures:
        scored = work.verify(run.ctx, run.runner, fitted, children)
        figures["rows"] = scored.rows
        return scored
