"""Record: the version's lineage to MLflow, or to the spool until MLflow answers."""

from typing import Any

from augmill.tasks.options import STAGE
from augmill.tasks.telemetry.spans import span
from augmill.tasks.work import record as work
from augmill.tasks.work.outcome import Checked
from augmill.tasks.work.publish import Version
from augmill.tasks.work.run import Run
from prefect import task


@task(name="record", **STAGE)
def record(run: Run, version: Version, checked: Checked) -> dict[str, Any]:
    """Send what earlier runs could not, then this version; returns the document of `augmill run --json`."""
    with span("record", stage="record"), run.deadlines.within("record"):
        return work.record(run, version, checked)
