"""Split: every valid row gets its id and its split, and is written as a real row of the table."""

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.descriptors import ValidationResult
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import split as work
from augmill.tasks.stages.split import RealRows


@task(name="split", **STAGE)
def split(run: Run, valid: ValidationResult) -> RealRows:
    """Place rows in train, validation and test, what belongs together in one; what was placed before stays."""
    with run.stage("split") as figures:
        real = work.split(run.ctx, run.runner, valid, run.request, run.at_ms)
        figures["rows"] = sum(file.rows for file in real.files)
        return real
