"""Show what a version holds, how it was checked and where its lineage is."""

from __future__ import annotations

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import open_lake

EXAMPLE = """
\b
Example:
  augmill show digits
  augmill show digits@3 --json
"""
PAGES = ("card", "croissant", "rejections")


@click.command(epilog=EXAMPLE)
@click.argument("reference", metavar="DATASET[@VERSION|@CHANNEL]")
@json_option
def command(reference: str, as_json: bool) -> None:
    """Print a version as the run that made it did: rows per class, checks, table and MLflow run."""
    lake = open_lake()
    published = lake.find(reference)
    name = published.manifest.dataset
    removal, pins = lake.tombstones(name).get(published.version), lake.pins(name)
    document = {
        **published.manifest.figures,
        "dataset": name,
        "table_uri": lake.store.sub(name).uri,
        **lake.record(name, published.version),
        "version": published.version,
        "channels": lake.channels(name),
        "versions": lake.versions(name),
        "pinned": pins[published.version].note if published.version in pins else None,
        "gone": removal.reason if removal else None,
    }
    if as_json:
        print_json(document)
    else:
        from augmill.tasks.summaries.run_text import summary

        # How long the stages took is not how long somebody waited for the command.
        pages = {name: document[name] for name in PAGES if name in document}
        say(summary({**document, "seconds": None, "pages": pages}), nl=False)
