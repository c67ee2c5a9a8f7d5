"""Write a version as plain Parquet files."""

from __future__ import annotations

from pathlib import Path

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import open_lake

EXAMPLE = """
\b
Example:
  augmill export digits@stable --to digits-for-training
"""


@click.command(epilog=EXAMPLE)
@click.argument("reference", metavar="DATASET[@VERSION|@CHANNEL]")
@click.option("--to", "folder", type=click.Path(path_type=Path), required=True, help="A folder that is new or empty.")
@json_option
def command(reference: str, folder: Path, as_json: bool) -> None:
    """Copy a version to FOLDER: Parquet per split and origin, README.md as a data card, croissant.json."""
    from augmill.tasks.versions.versions import export

    lake = open_lake()
    published = lake.readable(reference)
    paths = [str(path) for path in export(lake, published, folder)]
    if as_json:
        print_json({"dataset": published.manifest.dataset, "version": published.version, "files": paths})
    else:
        say("\n".join(paths))
