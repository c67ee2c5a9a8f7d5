"""Augment: children of real training rows, as many as planned."""

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.descriptors import ChildShard
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import augment as stage
from augmill.tasks.stages.fit import FitResult


@task(name="augment", **STAGE)
def augment(run: Run, fitted: FitResult) -> list[ChildShard]:
    """Make the children of every step; shards that exist are not made again."""
    return stage.augment(run, fitted)
