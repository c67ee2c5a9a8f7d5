"""Split: every valid row gets its id and its split, and is written as a real row of the table."""

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.descriptors import ValidationResult
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import split as stage
from augmill.tasks.stages.split import RealRows


@task(name="split", **STAGE)
def split(run: Run, valid: ValidationResult) -> RealRows:
    """Place rows in train, validation and test, what belongs together in one; what was placed before stays."""
    return stage.split(run, valid)
