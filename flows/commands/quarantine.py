"""List the rows that were refused, by reason, and what has become of them."""

from __future__ import annotations

from pathlib import Path

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import open_lake

EXAMPLE = """
\b
Examples:
  augmill quarantine digits
  augmill quarantine digits@3 --json
  augmill quarantine digits --export refused.csv

Rows are counted from 0. Personal data in examples is shown as tokens such as <email>.
"""


@click.command(epilog=EXAMPLE)
@click.argument("reference", metavar="DATASET[@VERSION|@CHANNEL]")
@click.option(
    "--export",
    "target",
    type=click.Path(path_type=Path),
    metavar="FILE|FOLDER",
    help="Write all rows there: csv, parquet.",
)
@json_option
def command(reference: str, target: Path | None, as_json: bool) -> None:
    """Say which rows of a dataset wait in quarantine and why, and which were taken in since or are gone."""
    from augmill.tasks.summaries.quarantine_text import text
    from augmill.tasks.versions.quarantine_listing import export, read_quarantine

    listing = read_quarantine(open_lake(), reference)
    document = listing.document()
    if target is not None:
        document["file"] = str(export(listing, target))
    if as_json:
        print_json(document)
        return
    say(text(document), nl=False)
    if target is not None:
        say(f"Written to {document['file']}.")
