"""Put policies on a Prefect server, with their schedules; take those away whose policy is gone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.settings import quiet_libraries, settings

if TYPE_CHECKING:  # for --help, the command line alone
    from augmill.flows.deployments.deployment_spec import Deployment

EXAMPLE = """
\b
Examples:
  augmill deploy
  augmill deploy policies/digits.yaml --dry-run
  augmill deploy --prune --json
"""


@click.command(epilog=EXAMPLE)
@click.argument("policies", nargs=-1, metavar="[POLICY...]", type=click.Path(path_type=Path))
@click.option("--prune", is_flag=True, help="Remove deployments whose policy is gone, without asking.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@json_option
def command(policies: Sequence[Path], prune: bool, dry_run: bool, as_json: bool) -> None:
    """Make the Prefect server hold one deployment per POLICY, by default per file in policies/.

    Its schedule, parameters, tags and description are those of the policy; one run of a dataset is at work at a time.
    A deployment that is as it should be is not touched, and none that augmill did not make.
    """
    from augmill.flows.deployments.deploy import deploy, policies_in

    current = settings()
    quiet_libraries(current)
    files = list(policies) or policies_in(Path.cwd())
    may_ask = not (as_json or dry_run) and sys.stdin.isatty() and sys.stdout.isatty()
    document = deploy(files, current, prune=True if prune else confirm_removal if may_ask else False, dry_run=dry_run)
    if as_json:
        print_json(document)
    else:
        from augmill.tasks.summaries.deploy_text import summary

        say(summary(document), nl=False)


def confirm_removal(orphans: Sequence[Deployment]) -> Sequence[Deployment]:
    """Ask whether to remove the deployments whose policy no longer exists: returns all of them, or none."""
    for deployment in orphans:
        say(f"{deployment.name}: {deployment.policy} is gone, or is of another dataset now.")
    return (
        orphans
        if click.confirm(f"Remove {'it' if len(orphans) == 1 else 'them'} from the server?", default=False)
        else []
    )
