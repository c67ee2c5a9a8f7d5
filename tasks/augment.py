"""Augment: children of real training rows, as many as planned."""

from augmill.tasks.options import STAGE
from augmill.tasks.work import augment as work
from augmill.tasks.work.descriptors import ChildShard
from augmill.tasks.work.fit import Fitted
from augmill.tasks.work.run import Run
from prefect import task


@task(name="augment", **STAGE)
def augment(run: Run, fitted: Fitted) -> list[ChildShard]:
    """Make the children of every step; shards that exist are not made again."""
    with run.stage("augment") as figures:
        children = work.augment(run.ctx, run.runner, fitted)
        figures["rows"] = sum(shard.rows for shard in children)
        return children
