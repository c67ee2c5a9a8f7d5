"""Run a policy: make, check, publish and record a version of its dataset.

The source, the policy and the current version are compared first, before any server or worker is started:
a run that has nothing to do says so and ends.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import resolve_with_settings
from augmill.flows.settings import RunnerName, Settings, quiet_libraries, settings
from augmill.flows.telemetry.logs import log_to
from augmill.flows.unchanged_run import finish_unchanged
from augmill.policies.errors import Finding

EXAMPLE = """
\b
Example:
  augmill run policies/breast-cancer.yaml
  augmill run policies/digits.yaml --runner process --json
"""


@click.command(epilog=EXAMPLE)
@click.argument("policy", type=click.Path(path_type=Path))
@click.option(
    "--runner",
    type=click.Choice(["auto", "thread", "process", "dask"]),
    help="What works on the shards; default: AUGMILL_RUNNER, else what suits the size of the source.",
)
@json_option
def command(policy: Path, runner: RunnerName | None, as_json: bool) -> None:
    """Make, check and publish a version of a dataset as its POLICY file asks, and record its lineage."""
    from augmill.flows.run_events import publish, report_failures
    from augmill.tasks.telemetry.dataset_event import OUTSIDE, ending

    began = time.monotonic()
    current = settings()
    quiet_libraries(current)
    log_to(current)
    with report_failures(policy, OUTSIDE):
        request = resolve_with_settings(policy, current)
        document = finish_unchanged(request, current)
    if document is None:
        document = run_flow(policy, runner, current)
    else:
        publish(ending(document, OUTSIDE, time.time()))
    document["seconds"] = round(time.monotonic() - began, 3)
    if as_json:
        print_json(document)
    else:
        from augmill.tasks.summaries.run_text import summary

        say(summary(document), nl=False)
        for finding in document.get("lint", ()):
            say(f"warning: {Finding(**finding)}", err=True)


def run_flow(policy: Path, runner: RunnerName | None, current: Settings) -> dict[str, Any]:
    """Run the flow on the user's Prefect server, or on one of our own that ends with us."""
    from augmill.flows.run_events import report_failures
    from augmill.flows.servers.prefect_server import loopback_server
    from augmill.tasks.telemetry.dataset_event import OUTSIDE

    with loopback_server(current) as server:
        from augmill.flows.augment import augment
        from augmill.flows.preload import warm

        warm(current.tracking_uri)  # while the server starts
        with ExitStack() as connection:
            with report_failures(policy, OUTSIDE):
                connection.enter_context(server.connected())
            return cast(dict[str, Any], augment(str(policy), runner))
