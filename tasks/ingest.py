"""Ingest: raw objects in, typed shards out."""

from augmill.tasks.options import STAGE
from augmill.tasks.work import ingest as work
from augmill.tasks.work.ingest import Raw
from augmill.tasks.work.run import Run
from prefect import task


@task(name="ingest", **STAGE)
def ingest(run: Run) -> Raw:
    """Read the raw objects once, in bounded batches, into typed shards."""
    with run.stage("ingest") as figures:
        raw = work.ingest(run.ctx, run.runner, run.asked.found, run.asked.expected_types)
        figures["rows"] = sum(shard.rows for shard in raw.shards)
        return raw
