"""Make published rows again and compare every byte."""

from __future__ import annotations

import tempfile

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import open_lake
from augmill.flows.runner_choice import open_runner, suited
from augmill.flows.settings import settings

EXAMPLE = """
\b
Examples:
  augmill rebuild digits@3 --all
  augmill rebuild digits@stable --sample 100 --json
  augmill rebuild digits@3 0f3c9a52d1e84b7796c0de5512ab34f7

Exit codes: 0 every byte is the same, 3 a row came out different or a file was altered.
"""


@click.command(epilog=EXAMPLE)
@click.argument("reference", metavar="DATASET[@VERSION|@CHANNEL]")
@click.argument("sample_ids", metavar="[SAMPLE_ID]...", nargs=-1)
@click.option(
    "--all", "every_row", is_flag=True, help="Every child again, and every file of real rows compared: the audit."
)
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="N children, always the same ones.")
@json_option
def command(reference: str, sample_ids: tuple[str, ...], every_row: bool, sample: int | None, as_json: bool) -> None:
    """Make rows of a version again from their parents and their records, and compare them with what is published."""
    if sum((bool(sample_ids), every_row, sample is not None)) != 1:
        raise click.UsageError("Name one of SAMPLE_ID, --all and --sample.")
    lake = open_lake()
    current = settings()
    published = lake.readable(reference)
    from augmill.tasks.versions import rebuild as work

    with tempfile.TemporaryDirectory(prefix="augmill-rebuild-") as scratch:
        ctx = work.context_of(lake, published, current.plugins, scratch)
        ids = None if every_row else sample_ids or work.sample(ctx, published.manifest, sample or 0)
        size = sum(file.bytes for file in published.manifest.data_files) if every_row else 0
        with open_runner(current, suited(current.runner, size)) as runner:
            document = work.rebuild(ctx, runner, published, ids)
    if as_json:
        print_json(document)
    else:
        from augmill.tasks.summaries.rebuild_text import text

        say(text(document), nl=False)
    click.get_current_context().exit(document["exit_code"])
