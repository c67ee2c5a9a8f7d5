"""Show what the verifier contradicted and what it found unfamiliar, worst first."""

from __future__ import annotations

from pathlib import Path

import click

from augmill.flows.console import json_option, print_json, say, write_file
from augmill.flows.policy_request import open_lake

EXAMPLE = """
\b
Examples:
  augmill rejections digits@3
  augmill rejections digits@stable --limit 100
  augmill rejections digits --to rejections.html
"""


@click.command(epilog=EXAMPLE)
@click.argument("reference", metavar="DATASET[@VERSION|@CHANNEL]")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Lines of each list.")
@click.option(
    "--to",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Copy the page, with parents beside children and pictures, to this HTML file.",
)
@json_option
def command(reference: str, limit: int, file: Path | None, as_json: bool) -> None:
    """List the rows whose label is contradicted, with their scores, and those that are like no real row."""
    from augmill.tasks.html_pages.rejections_html import text
    from augmill.tasks.pages.rejections_page import page_name, read_rejections

    if file is not None and not file.parent.is_dir():
        raise click.UsageError(f"There is no folder {file.parent} to put {file.name} into.")
    lake = open_lake()
    published = lake.find(reference)
    objects = lake.objects(published.manifest.dataset)
    if not objects.exists(page_name(published.version)):
        lake.refuse_removed(published)  # a purge takes the page along
    document, page = read_rejections(objects, published), page_name(published.version)
    if file is not None:
        write_file(file, objects.read(page), "--to")
    if as_json:
        print_json({**document, "page": objects.url(page)})
    else:
        say(text(document, limit), nl=False)
        say(f"\npage  {file or objects.url(page)}")
