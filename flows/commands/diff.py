"""Say what differs between two versions."""

from __future__ import annotations

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import open_lake

EXAMPLE = """
\b
Examples:
  augmill diff digits@3 digits@4
  augmill diff digits@stable digits@canary --markdown >> "$GITHUB_STEP_SUMMARY"
"""


@click.command(epilog=EXAMPLE)
@click.argument("before", metavar="DATASET@A")
@click.argument("after", metavar="DATASET@B")
@json_option
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a comment on a pull request.")
def command(before: str, after: str, as_json: bool, as_markdown: bool) -> None:
    """Compare two versions: policy, rows per class, origin and step, distributions, figures and checks."""
    if as_json and as_markdown:
        raise click.UsageError("Name one of --json and --markdown.")
    from augmill.tasks.versions.diff import compare

    lake = open_lake()
    document = compare(lake, lake.readable(before), lake.readable(after))
    if as_json:
        print_json(document)
    else:
        from augmill.tasks.summaries import diff_text

        say((diff_text.markdown if as_markdown else diff_text.text)(document), nl=False)
