"""Point a channel at a version, if it is whole and its checks hold."""

from __future__ import annotations

import getpass
import time

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import open_lake
from augmill.flows.settings import settings

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
    """Let a channel name a version from now on: what training jobs that follow the channel will read.

    Refused where a check or gate of the version failed, a figure posted since breaches its policy, or files are gone.
    The drift gate is run again, on the production sample as it is now; rows do not change, so what others said stands.
    """
    from augmill.flows.late_gates import recheck_gates
    from augmill.flows.run_events import publish_channel_move
    from augmill.tasks.summaries.channel_text import text
    from augmill.tasks.versions.promotion import promote, refuse_incomplete

    lake = open_lake()
    published = lake.find(reference)
    refuse_incomplete(lake, published)
    at_ms, who = int(time.time() * 1000), f"promoted by {getpass.getuser()}"
    recheck_gates(lake, published, channel, settings(), at_ms=at_ms, by=who)
    document = promote(lake, published, channel, at_ms=at_ms, run_id=who)
    publish_channel_move("channel.promoted", document, who)
    if as_json:
        print_json(document)
    else:
        say(text(document))
