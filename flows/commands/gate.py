"""Judge a published version by its gates again; a breach rolls channels back."""

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
  augmill gate digits@stable
  augmill gate digits@3 --json

Exit codes: 0 all gates pass, 3 one fails: channels that name the version went back.
"""


@click.command(epilog=EXAMPLE)
@click.argument("reference", metavar="DATASET@VERSION|DATASET@CHANNEL")
@json_option
def command(reference: str, as_json: bool) -> None:
    """Run the gates of a version's policy on its rows again, against production as it is today; keep the answers."""
    from augmill.flows.late_gates import rerun_gates
    from augmill.flows.run_events import publish_measurement
    from augmill.tasks.summaries.measurement_text import text
    from augmill.tasks.versions import monitoring as work

    lake = open_lake()
    published = work.find_version(lake, reference)
    checks = rerun_gates(lake, published, settings())
    at_ms, by = int(time.time() * 1000), f"gates run by {getpass.getuser()}"
    document = work.store_measurement(lake, published, work.GATES, checks, at_ms=at_ms, by=by)
    publish_measurement(document, by)
    document["mlflow"] = work.report_breaches(lake, published, settings().tracking_uri)
    if as_json and not document["breaches"]:
        print_json(document)
    elif not as_json:
        say(text(document))
    work.refuse(document)
