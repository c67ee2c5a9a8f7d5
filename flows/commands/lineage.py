"""Show the lineage of a dataset: raw objects, policies, steps, versions and channels over time, as one page."""

from __future__ import annotations

import time
from pathlib import Path

import click

from augmill.flows.console import json_option, print_json, say, write_file
from augmill.flows.policy_request import open_lake
from augmill.policies.errors import PolicyError

EXAMPLE = """
\b
Examples:
  augmill lineage digits
  augmill lineage digits@3 --to lineage.html --open
"""


@click.command(epilog=EXAMPLE)
@click.argument("reference", metavar="DATASET[@VERSION|@CHANNEL]")
@click.option("--to", "file", type=click.Path(path_type=Path, dir_okay=False), help="A copy to keep or to send.")
@click.option("--open", "browser", is_flag=True, help="Open the page in a browser.")
@json_option
def command(reference: str, file: Path | None, browser: bool, as_json: bool) -> None:
    """Draw the lineage of a dataset as it is now, and say where the page is: one file that loads nothing."""
    from augmill.tasks.lineage_graph.page import html
    from augmill.tasks.versions.history import history
    from augmill.tasks.versions.lineage_pages import PAGE, write_page

    lake = open_lake()
    if browser and file is None and "://" in lake.store.uri:
        raise PolicyError("no browser opens a page that is in a bucket.", "Add `--to FILE`, and that copy is opened.")
    published = lake.find(reference)
    dataset, at_ms = published.manifest.dataset, int(time.time() * 1000)
    document = history(lake, dataset, at_ms=at_ms)
    if file is not None:
        write_file(file, html(document, published.version, _reports(lake.objects(dataset).url("reports"))), "--to")
        address = str(file.absolute())
    else:
        write_page(lake, dataset, at_ms)
        address = lake.objects(dataset).url(PAGE)
    if browser:
        click.launch(address)
    if as_json:
        print_json({**document, "page": address})
    else:
        say(address)


def _reports(folder: str) -> str:
    """How a copy elsewhere reaches the pages of versions; those in a bucket no browser opens."""
    return f"{Path(folder).as_uri() if '://' not in folder else folder}/"
