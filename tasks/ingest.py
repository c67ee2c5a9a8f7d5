"""Ingest: raw objects in, typed shards out."""

from prefect import task

from tasks.options import STAGE
from tasks.work import ingest as work
from tasks.work.ingest import Raw
from tasks.work.run import Run


@task(name="ingest", **STAGE)
def ingest(run: Run) -> Raw:
    """Read the raw objects once, in bounded batches, into typed shards."""
    with run.stage("ingest") as figures:
        raw = work.ingest(run.ctx, run.runner, run.asked.found, run.asked.expected_types)
        figures["rows"] = sum(shard.rows for shard in raw.shards)
        return raw
