"""Validate: the suite's judgement of every row; failing rows go to quarantine."""

from augmill.tasks.options import STAGE
from augmill.tasks.work import quarantine
from augmill.tasks.work import validate as work
from augmill.tasks.work.ingest import Raw
from augmill.tasks.work.run import Run
from augmill.tasks.work.validate import Valid
from prefect import task


@task(name="validate", **STAGE)
def validate(run: Run, raw: Raw) -> Valid:
    """Judge every row and the whole; over the suite's budget, or when the whole fails, the run ends here."""
    with run.stage("validate") as figures:
        work.refuse_drift(run.ctx, run.asked.known_types, raw)
        work.refuse_gaps(run.ctx, run.asked.new_objects, raw)
        valid = work.validate(run.ctx, run.runner, raw)
        figures["quarantined"] = quarantine.keep_invalid(run.ctx, valid, run.at_ms)
        work.refuse_invalid(run.ctx, raw, valid)
        return valid
