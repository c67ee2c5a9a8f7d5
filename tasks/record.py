"""Record: the version's lineage to MLflow, or to the spool until MLflow answers."""

from typing import Any

from prefect import task

from tasks.options import STAGE
from tasks.telemetry.spans import span
from tasks.work import record as work
from tasks.work.outcome import Checked
from tasks.work.publish import Version
from tasks.work.run import Run


@task(name="record", **STAGE)
def record(run: Run, version: Version, checked: Checked) -> dict[str, Any]:
    """Send what earlier runs could not, then this version; returns the document of `augmill run --json`."""
    with span("record", stage="record"), run.deadlines.within("record"):
        return work.record(run, version, checked)
