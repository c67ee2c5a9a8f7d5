"""Say which version a channel points to, and where a training job reads it."""

from __future__ import annotations

import click

from flows.console import json_option, print_json
from flows.settings import quiet_libraries, settings

EXAMPLE = """
\b
Example:
  augmill resolve digits@stable
"""


@click.command(epilog=EXAMPLE)
@click.argument("reference", metavar="DATASET[@VERSION|@CHANNEL]")
@json_option
def command(reference: str, as_json: bool) -> None:
    """Print the table and version that a name stands for: what a training job should read now."""
    current = settings()
    quiet_libraries(current)
    from tasks.storage.store import Store
    from tasks.work.versions import Lake

    lake = Lake(Store(current.lake))
    found = lake.find(reference)
    table = lake.store.sub(found.manifest.dataset).uri
    document = {"dataset": found.manifest.dataset, "version": found.version, "table_uri": table}
    if as_json:
        print_json(document)
    else:
        click.echo(f"{table}\tversion {found.version}")
