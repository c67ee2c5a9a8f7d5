"""Validate: the suite's judgement of every row; failing rows go to quarantine."""

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.descriptors import IngestResult, ValidationResult
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import quarantine_rows
from augmill.tasks.stages import validate as work


@task(name="validate", **STAGE)
def validate(run: Run, raw: IngestResult) -> ValidationResult:
    """Judge every row and the whole; over the suite's budget, or when the whole fails, the run ends here."""
    with run.stage("validate") as figures:
        work.refuse_drift(run.ctx, run.request.known_types, raw)
        work.refuse_gaps(run.ctx, run.request.new_objects, raw)
        valid = work.validate(run.ctx, run.runner, raw)
        figures["quarantined"] = quarantine_rows.keep_invalid(run.ctx, valid, run.at_ms)
        work.refuse_invalid(run.ctx, raw, valid)
        return valid
