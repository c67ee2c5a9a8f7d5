"""Ingest: raw objects in, typed shards out."""

from prefect import task

from augmill.tasks.options import STAGE
from augmill.tasks.runs.descriptors import IngestResult
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import ingest as work


@task(name="ingest", **STAGE)
def ingest(run: Run) -> IngestResult:
    """Read the raw objects once, in bounded batches, into typed shards."""
    with run.stage("ingest") as figures:
        raw = work.ingest(run.ctx, run.runner, run.request.listing, run.request.expected_types)
        figures["rows"] = sum(shard.rows for shard in raw.shards)
        return raw
