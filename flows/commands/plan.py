"""Say what a run would do, and keep nothing.

Reads, validates, splits and fits in a temporary folder laid over the lake, samples some children, and compares the
outcome with the current version.
"""

from __future__ import annotations

from pathlib import Path

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.plan_policy import plan_policy
from augmill.flows.settings import quiet_libraries, settings
from augmill.flows.telemetry.logs import log_to

EXAMPLE = """
\b
Examples:
  augmill plan policies/breast-cancer.yaml
  augmill plan policies/digits.yaml --markdown >> "$GITHUB_STEP_SUMMARY"

The temporary folder is in TMPDIR; it needs room for the rows that are new.
Exit codes: 0 a run would do, 2 lint finds errors, 3 the data would not pass.
"""


@click.command(epilog=EXAMPLE)
@click.argument("policy", type=click.Path(path_type=Path))
@json_option
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a comment on a pull request.")
def command(policy: Path, as_json: bool, as_markdown: bool) -> None:
    """Say what `augmill run POLICY` would do: rows, bytes, time, what is reused, what is wrong. Nothing is kept."""
    if as_json and as_markdown:
        raise click.UsageError("Name one of --json and --markdown.")
    current = settings()
    quiet_libraries(current)
    log_to(current)
    document = plan_policy(policy, current)
    if as_json:
        print_json(document)
    else:
        from augmill.tasks.summaries import plan_text

        render = plan_text.markdown if as_markdown else plan_text.text
        say(render(document), nl=False)
    click.get_current_context().exit(document["exit_code"])
