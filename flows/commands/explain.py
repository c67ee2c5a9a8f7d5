"""Say where a published row comes from: parents, transforms and draws, policy, verifier, raw objects."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from augmill.flows.console import json_option, print_json, say, write_file
from augmill.flows.policy_request import open_lake
from augmill.flows.settings import settings

EXAMPLE = """
\b
Examples:
  augmill explain digits@3 0f3c9a52d1e84b7796c0de5512ab34f7
  augmill explain digits@stable 0f3c9a52d1e84b7796c0de5512ab34f7 --picture family.svg
"""


@click.command(epilog=EXAMPLE)
@click.argument("reference", metavar="DATASET[@VERSION|@CHANNEL]")
@click.argument("sample_id")
@click.option(
    "--picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw parents and child into this SVG file."
)
@json_option
def command(reference: str, sample_id: str, picture: Path | None, as_json: bool) -> None:
    """Walk from a row back to the raw objects it came from, and say who allowed each step."""
    from augmill.tasks.versions import explain as work
    from augmill.tasks.versions.rebuild import context_of

    lake = open_lake()
    published = lake.readable(reference)
    with tempfile.TemporaryDirectory(prefix="augmill-explain-") as scratch:
        ctx = context_of(lake, published, settings().plugins, scratch)
        document = work.explain(lake, ctx, published, sample_id)
        svg = work.picture(ctx, published, sample_id) if picture is not None else None
    if picture is not None and svg is None:
        raise click.UsageError("There is no picture to draw: the row is real, or rows of this dataset have none.")
    if picture is not None and svg is not None:
        write_file(picture, svg, "--picture")
    if as_json:
        print_json(document)
    else:
        from augmill.tasks.summaries.explain_text import text

        say(text(document), nl=False)
