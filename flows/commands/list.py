"""List the datasets that have been published, with their versions and channels."""

from __future__ import annotations

from typing import Any

import click

from flows.console import json_option, print_json, say
from flows.looking import open_lake

EXAMPLE = """
\b
Example:
  augmill list
"""


@click.command(epilog=EXAMPLE)
@json_option
def command(as_json: bool) -> None:
    """One line per dataset: latest version, rows, channels, pins, versions that are gone, and where the table is."""
    lake = open_lake()
    rows: list[dict[str, Any]] = []
    for dataset in lake.datasets():
        found = lake.find(dataset)
        rows.append(
            {
                "dataset": dataset,
                "version": found.version,
                "rows": found.snapshot.rows,
                "channels": lake.channels(dataset),
                "pins": list(lake.pins(dataset)),
                "gone": [{"version": one.version, "reason": one.reason} for one in lake.gone(dataset).values()],
                "table_uri": lake.store.sub(dataset).uri,
            }
        )
    if as_json:
        print_json({"lake": lake.store.uri, "datasets": rows})
    elif not rows:
        say(f"Nothing is published in {lake.store.uri} yet: augmill run POLICY")
    for row in rows if not as_json else []:
        say(_line(row))


def _line(row: dict[str, Any]) -> str:
    from tasks.reports.kept import ranges

    told = [f"{name} -> {version}" for name, version in sorted(row["channels"].items())]
    told += [f"pinned {ranges(row['pins'])}"] if row["pins"] else []
    for reason in sorted({one["reason"] for one in row["gone"]}):
        told.append(f"{reason} {ranges([one['version'] for one in row['gone'] if one['reason'] == reason])}")
    notes = f"  [{', '.join(told)}]" if told else ""
    return f"{row['dataset']}@{row['version']}  {row['rows']} rows{notes}  {row['table_uri']}"
