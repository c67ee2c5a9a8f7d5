"""Review the policies that a change touches.

What is compared is the merge base of --base and HEAD with the files as they lie here: in CI those of the commit,
elsewhere what is not committed yet counts too. The plan and the canary are kept in TMPDIR and removed.
"""

from __future__ import annotations

from pathlib import Path

import click

from flows.console import json_option, print_json, write_file
from flows.logs import log_to
from flows.settings import quiet_libraries, settings

EXAMPLE = """
\b
Examples:
  augmill ci --base origin/main
  augmill ci --base origin/main --report comment.md
  augmill ci --base HEAD~1 policies/digits.yaml --json

Exit codes, the worst of all policies: 0 a run of each would pass, 2 a policy is wrong,
3 its data, checks or gates would not pass, 4 a source or the lake does not answer.
"""


@click.command(epilog=EXAMPLE)
@click.argument("policies", nargs=-1, type=click.Path(path_type=Path))
@click.option("--base", "rev", required=True, metavar="REV", help="The branch or commit to compare with.")
@json_option
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a comment on a pull request.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the same Markdown to this file as well.")
def command(policies: tuple[Path, ...], rev: str, as_json: bool, as_markdown: bool, report: Path | None) -> None:
    """Say what a change does to POLICIES, files or folders (default: policies/ of the repository).

    Those it touches - the file, its suite, a transform or check it uses - are linted, planned, and tried on a small
    sample through all checks. Nothing is published.
    """
    if as_json and as_markdown:
        raise click.UsageError("Name one of --json and --markdown.")
    current = settings()
    quiet_libraries(current)
    log_to(current)
    from flows.reviewing import review_all

    document = review_all(rev, policies, current)
    _write(document, report, as_json=as_json, as_markdown=as_markdown)
    click.get_current_context().exit(document["exit_code"])


def _write(document: dict[str, object], report: Path | None, *, as_json: bool, as_markdown: bool) -> None:
    from tasks.reports import reviewed

    if report is not None:
        write_file(report, reviewed.markdown(document).encode(), "--report")
    if as_json:
        print_json(document)
    else:
        click.echo((reviewed.markdown if as_markdown else reviewed.text)(document), nl=False)
