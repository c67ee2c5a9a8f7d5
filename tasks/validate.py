"""Validate: the suite's judgement of every row; failing rows go to quarantine."""

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.descriptors import IngestResult, ValidationResult
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import validate as stage


@task(name="validate", **STAGE)
def validate(run: Run, raw: IngestResult) -> ValidationResult:
    """Judge every row and the whole; over the suite's budget, or when the whole fails, the run ends here."""
    return stage.validate(run, raw)
