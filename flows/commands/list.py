"""List the datasets that have been published, with their versions and channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.policy_request import open_lake
from augmill.policies.errors import StorageError

if TYPE_CHECKING:
    from augmill.tasks.versions.versions import Lake

EXAMPLE = """
\b
Example:
  augmill list
"""


@click.command(epilog=EXAMPLE)
@json_option
def command(as_json: bool) -> int:
    """One line per dataset: latest version, rows, channels, pins, versions that are gone, and where the table is."""
    lake = open_lake()
    rows: list[dict[str, Any]] = []
    damaged: dict[str, StorageError] = {}
    for dataset in lake.datasets():
        try:
            rows.append(_row(lake, dataset))
        except StorageError as fault:  # the others are well all the same
            damaged[dataset] = fault
    if as_json:
        faults = [{"dataset": name, "cause": fault.cause, "remedy": fault.remedy} for name, fault in damaged.items()]
        print_json({"lake": lake.store.uri, "datasets": rows, "damaged": faults})
    elif not rows and not damaged:
        say(f"Nothing is published in {lake.store.uri} yet: augmill run POLICY")
    for row in rows if not as_json else []:
        say(_line(row))
    for one in damaged.values():
        say(str(one), err=True)
    return StorageError.exit_code if damaged else 0


def _row(lake: Lake, dataset: str) -> dict[str, Any]:
    found = lake.find(dataset)
    return {
        "dataset": dataset,
        "version": found.version,
        "rows": found.snapshot.rows,
        "channels": lake.channels(dataset),
        "pins": list(lake.pins(dataset)),
        "gone": [{"version": one.version, "reason": one.reason} for one in lake.tombstones(dataset).values()],
        "table_uri": lake.store.sub(dataset).uri,
    }


def _line(row: dict[str, Any]) -> str:
    from augmill.tasks.summaries.retention_text import ranges

    told = [f"{name} -> {version}" for name, version in sorted(row["channels"].items())]
    told += [f"pinned {ranges(row['pins'])}"] if row["pins"] else []
    for reason in sorted({one["reason"] for one in row["gone"]}):
        told.append(f"{reason} {ranges([one['version'] for one in row['gone'] if one['reason'] == reason])}")
    notes = f"  [{', '.join(told)}]" if told else ""
    return f"{row['dataset']}@{row['version']}  {row['rows']} rows{notes}  {row['table_uri']}"
