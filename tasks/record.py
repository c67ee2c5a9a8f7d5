"""Record: the version's lineage to MLflow, or to the spool until MLflow answers."""

from typing import Any

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.run import Run
from augmill.tasks.stages.check import CheckResult
from augmill.tasks.stages.publish import Version
from augmill.tasks.versions import record as stage


@task(name="record", **STAGE)
def record(run: Run, version: Version, checked: CheckResult) -> dict[str, Any]:
    """Send what earlier runs could not, then this version; returns the document of `augmill run --json`."""
    return stage.record(run, version, checked)
