"""Point a channel at a version, if it is whole and its checks hold."""

from __future__ import annotations

import getpass
import time

import click

from flows.console import json_option, print_json
from flows.looking import open_lake

EXAMPLE = """
\b
Example:
  augmill promote digits@3 --to stable
"""


@click.command(epilog=EXAMPLE)
@click.argument("reference", metavar="DATASET[@VERSION|@CHANNEL]")
@click.option("--to", "channel", required=True, metavar="CHANNEL", help="The channel to move, such as stable.")
@json_option
def command(reference: str, channel: str, as_json: bool) -> None:
    """Let a channel name a version from now on: what training jobs that follow the channel will read."""
    from tasks.reports.pointed import text
    from tasks.work.pointing import promote

    lake = open_lake()
    found = lake.find(reference)
    document = promote(lake, found, channel, at_ms=int(time.time() * 1000), run_id=f"promoted by {getpass.getuser()}")
    if as_json:
        print_json(document)
    else:
        click.echo(text(document))
