"""Remove the files of versions that nobody needs any more."""

from __future__ import annotations

import getpass
import platform
import time
from math import isfinite

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import open_lake

EXAMPLE = """
\b
Examples:
  augmill vacuum digits --dry-run
  augmill vacuum --all --retention-days 90

Kept are the current version, those that a channel or a pin names or that a rollback leads to, and those that were
current within the retention. A dataset on which a run is under way is left alone: vacuum it again later.
"""


@click.command(epilog=EXAMPLE)
@click.argument("dataset", required=False)
@click.option("--all", "every_dataset", is_flag=True, help="Every dataset of the lake.")
@click.option(
    "--retention-days",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="DAYS",
    help="How long a version stays after the next one was published, and unfinished work after its last write.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@json_option
def command(dataset: str | None, every_dataset: bool, retention_days: float, dry_run: bool, as_json: bool) -> None:
    """Remove old versions' files, and the work that no version needs. Pinned versions and channels are safe."""
    from augmill.tasks.summaries.retention_text import vacuumed_text
    from augmill.tasks.versions.vacuum import vacuum

    if every_dataset is (dataset is not None):
        raise click.UsageError("Name one of DATASET and --all.")
    if dataset and "@" in dataset:
        raise click.UsageError(f"All versions of a dataset are looked at: write {dataset.partition('@')[0]}.")
    if not isfinite(retention_days):  # a version is neither younger nor older than that, and would go
        raise click.UsageError(f"--retention-days {retention_days} is no number of days.")
    lake = open_lake()
    names = lake.datasets() if every_dataset else [lake.find(str(dataset)).manifest.dataset]
    by = f"vacuum by {getpass.getuser()} on {platform.node()}"
    documents = [
        vacuum(lake, name, retention_days, dry_run=dry_run, at_ms=int(time.time() * 1000), by=by) for name in names
    ]
    if as_json:
        print_json({"lake": lake.store.uri, "datasets": documents})
    else:
        say("".join(map(vacuumed_text, documents)) or f"Nothing is published in {lake.store.uri}.\n", nl=False)
