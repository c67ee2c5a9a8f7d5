"""Keep a version whatever happens, or no longer."""

from __future__ import annotations

import getpass
import time

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import open_lake

EXAMPLE = """
\b
Examples:
  augmill pin digits@3 --note "the paper's version"
  augmill pin digits@3 --remove
"""


@click.command(epilog=EXAMPLE)
@click.argument("reference", metavar="DATASET[@VERSION|@CHANNEL]")
@click.option("--note", default="", help="Why, for whoever wonders later.")
@click.option("--remove", is_flag=True, help="Take the pin away; the version itself stays until a vacuum.")
@json_option
def command(reference: str, note: str, remove: bool, as_json: bool) -> None:
    """Pin a version: vacuum never removes it. A channel pins the version it names now, not itself."""
    from augmill.tasks.summaries.retention_text import pinned_text
    from augmill.tasks.versions.pinning import pin, unpin

    if remove and note:
        raise click.UsageError("Name one of --note and --remove.")
    lake = open_lake()
    published = lake.find(reference)
    at_ms, by = int(time.time() * 1000), getpass.getuser()
    document = unpin(lake, published, at_ms=at_ms, by=by) if remove else pin(lake, published, note, at_ms=at_ms, by=by)
    if as_json:
        print_json(document)
    else:
        say(pinned_text(document))
