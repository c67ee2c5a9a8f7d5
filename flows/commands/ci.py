"""Review the policies that a change touches.

What is compared is the merge base of --base and HEAD with the files as they lie here: in CI those of the commit,
elsewhere what is not committed yet counts too. The plan and the canary are kept in TMPDIR and removed.
With --trigger, on merge, nothing is tried: the policies are deployed and their runs started.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from augmill.flows.console import json_option, print_json, say, write_file
from augmill.flows.settings import Settings, quiet_libraries, settings
from augmill.flows.telemetry.logs import log_to

EXAMPLE = """
\b
Examples:
  augmill ci --base origin/main
  augmill ci --base origin/main --report comment.md
  augmill ci --base HEAD~1 policies/digits.yaml --json
  augmill ci --base HEAD~1 --trigger --wait

Exit codes, the highest of all policies: 0 a run of each would pass (or did), 1 code failed, 2 a policy is wrong,
3 its data, checks or gates do not pass, 4 a source, the lake, the Prefect server or a run failed.
"""


@click.command(epilog=EXAMPLE)
@click.argument("policies", nargs=-1, type=click.Path(path_type=Path))
@click.option("--base", "rev", required=True, metavar="REV", help="The branch or commit to compare with.")
@json_option
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a comment on a pull request.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the same Markdown to this file as well.")
@click.option("--trigger", "start", is_flag=True, help="Deploy those that are touched and start their runs, now.")
@click.option("--wait", is_flag=True, help="With --trigger: wait until the runs have ended, and say how.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1.0),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to --wait.",
)
def command(
    policies: tuple[Path, ...],
    rev: str,
    as_json: bool,
    as_markdown: bool,
    report: Path | None,
    start: bool,
    wait: bool,
    timeout: float,
) -> None:
    """Say what a change does to POLICIES, files or folders (default: policies/).

    Those it touches - the file, its suite, a transform or check it uses - are linted, planned, and tried on a small
    sample through all checks. Nothing is published, unless runs are asked for with --trigger.
    """
    if as_json and as_markdown:
        raise click.UsageError("Name one of --json and --markdown.")
    if wait and not start:
        raise click.UsageError("--wait waits for what --trigger starts.")
    current = settings()
    quiet_libraries(current)
    log_to(current)
    document = (
        _start_runs(rev, policies, current, timeout if wait else None) if start else _review(rev, policies, current)
    )
    form = importlib.import_module(
        "augmill.tasks.summaries.trigger_text" if start else "augmill.tasks.summaries.review_text"
    )
    if report is not None:
        write_file(report, form.markdown(document).encode(), "--report")
    if as_json:
        print_json(document)
    else:
        say((form.markdown if as_markdown else form.text)(document), nl=False)
    click.get_current_context().exit(document["exit_code"])


def _review(rev: str, policies: Sequence[Path], current: Settings) -> dict[str, Any]:
    from augmill.flows.review.review_change import review_all

    return review_all(rev, policies, current)


def _start_runs(rev: str, policies: Sequence[Path], current: Settings, wait_seconds: float | None) -> dict[str, Any]:
    from augmill.flows.review.trigger_runs import trigger

    return trigger(rev, policies, current, wait_seconds)
