"""Record: the version's lineage to MLflow, or to the spool until MLflow answers."""

from typing import Any

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.run import Run
from augmill.tasks.stages.check import CheckResult
from augmill.tasks.stages.publish import Version
from augmill.tasks.telemetry.spans import span
from augmill.tasks.versions import record as work


@task(name="record", **STAGE)
def record(run: Run, version: Version, checked: CheckResult) -> dict[str, Any]:
    """Send what earlier runs could not, then this version; returns the document of `augmill run --json`."""
    with span("record", stage="record"), run.deadlines.within("record"):
        return work.record(run, version, checked)
