"""Split: every valid row gets its id and its split, and is written as a real row of the table."""

from prefect import task

from tasks.options import STAGE
from tasks.work import split as work
from tasks.work.run import Run
from tasks.work.split import Real
from tasks.work.validate import Valid


@task(name="split", **STAGE)
def split(run: Run, valid: Valid) -> Real:
    """Place rows in train, validation and test, what belongs together in one; what was placed before stays."""
    with run.stage("split") as figures:
        real = work.split(run.ctx, run.runner, valid, run.asked, run.at_ms)
        figures["rows"] = sum(file.rows for file in real.files)
        return real
