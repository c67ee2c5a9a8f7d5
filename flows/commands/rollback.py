"""Point a channel back at the version before."""

from __future__ import annotations

import getpass
import time

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import open_lake

EXAMPLE = """
\b
Example:
  augmill rollback digits
"""


@click.command(epilog=EXAMPLE)
@click.argument("dataset")
@click.option("--channel", default="stable", show_default=True, help="The channel to move.")
@json_option
def command(dataset: str, channel: str, as_json: bool) -> None:
    """Point a channel back at the version it named before; once more goes back further. No version is removed."""
    from augmill.flows.run_events import publish_channel_move
    from augmill.tasks.summaries.channel_text import text
    from augmill.tasks.versions.promotion import rollback

    name, at, version_or_channel = dataset.partition("@")
    if at:
        raise click.UsageError(
            f"A channel goes back, not a version: write {name} --channel {version_or_channel or 'CHANNEL'}."
        )
    lake = open_lake()
    lake.find(dataset)
    at_ms, who = int(time.time() * 1000), f"rolled back by {getpass.getuser()}"
    document = rollback(lake, dataset, channel, at_ms=at_ms, run_id=who)
    publish_channel_move("channel.rolled_back", document, who)
    if as_json:
        print_json(document)
    else:
        say(text(document))
