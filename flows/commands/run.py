"""Run a policy: make, check, publish and record a version of its dataset.

The source, the policy and the current version are compared first, before any server or worker is started:
a run that has nothing to do says so and ends.
"""

from __future__ import annotations

from pathlib import Path

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.run_policy import run_policy
from augmill.flows.settings import RunnerName, quiet_libraries, settings
from augmill.flows.telemetry.logs import log_to
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
    current = settings()
    quiet_libraries(current)
    log_to(current)
    document = run_policy(policy, runner, current)
    if as_json:
        print_json(document)
    else:
        from augmill.tasks.summaries.run_text import summary

        say(summary(document), nl=False)
        for finding in document.get("lint", ()):
            say(f"warning: {Finding(**finding)}", err=True)
