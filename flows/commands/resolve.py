"""Say which version a channel points to, and where a training job reads it."""

from __future__ import annotations

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import open_lake

EXAMPLE = """
\b
Example:
  augmill resolve digits@stable
"""


@click.command(epilog=EXAMPLE)
@click.argument("reference", metavar="DATASET[@VERSION|@CHANNEL]")
@json_option
def command(reference: str, as_json: bool) -> None:
    """Print the table and version that a name stands for: what a training job should read now."""
    lake = open_lake()
    published = lake.readable(reference)
    table = lake.store.sub(published.manifest.dataset).uri
    document = {"dataset": published.manifest.dataset, "version": published.version, "table_uri": table}
    if as_json:
        print_json(document)
    else:
        say(f"{table}\tversion {published.version}")
