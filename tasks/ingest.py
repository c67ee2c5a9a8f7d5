"""Ingest: raw objects in, typed shards out."""

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.descriptors import IngestResult
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import ingest as stage


@task(name="ingest", **STAGE)
def ingest(run: Run) -> IngestResult:
    """Read the raw objects once, in bounded batches, into typed shards."""
    return stage.ingest(run)
