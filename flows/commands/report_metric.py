"""Post a figure that was measured of a version; a breach rolls channels back."""

from __future__ import annotations

import getpass
import time

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import open_lake
from augmill.flows.settings import settings

EXAMPLE = """
\b
Examples:
  augmill report-metric digits@3 recall=0.83
  augmill report-metric digits@stable recall=0.83 "false alarms per day"=4

Exit codes: 0 kept, 3 a figure breaches the policy's `gates.metrics`: channels that name the version went back.
"""


@click.command(epilog=EXAMPLE)
@click.argument("reference", metavar="DATASET@VERSION|DATASET@CHANNEL")
@click.argument("figures", metavar="NAME=NUMBER...", nargs=-1, required=True)
@json_option
def command(reference: str, figures: tuple[str, ...], as_json: bool) -> None:
    """Keep what an evaluation measured of a version; channels go back where it breaches the policy's targets."""
    from augmill.flows.run_events import publish_measurement
    from augmill.tasks.summaries.measurement_text import text
    from augmill.tasks.versions import monitoring as work

    values = work.parse_figures(figures)
    lake = open_lake()
    published = work.find_version(lake, reference)
    at_ms, by = int(time.time() * 1000), f"reported by {getpass.getuser()}"
    document = work.report(lake, published, values, at_ms=at_ms, by=by)
    publish_measurement(document, by)
    document["mlflow"] = work.report_breaches(lake, published, settings().tracking_uri)
    work.refuse(document)
    if as_json:
        print_json(document)
    else:
        say(text(document))
