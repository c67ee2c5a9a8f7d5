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
            rows.append(_dataset_document(lake, dataset))
        except StorageError as fault:  # the others are well all the same
            damaged[dataset] = fault
    if as_json:
        faults = [{"dataset": name, "cause": fault.cause, "remedy": fault.remedy} for name, fault in damaged.items()]
        print_json({"lake": lake.store.uri, "datasets": rows, "damaged": faults})
    elif not rows and not damaged:
        say(f"Nothing is published in {lake.store.uri} yet: augmill run POLICY")
    for row in rows if not as_json else []:
        say(_dataset_line(row))
    for damage in damaged.values():
        say(str(damage), err=True)
    return StorageError.exit_code if damaged else 0


def _dataset_document(lake: Lake, dataset: str) -> dict[str, Any]:
    published = lake.find(dataset)
    return {
        "dataset": dataset,
        "version": published.version,
        "rows": published.snapshot.rows,
        "channels": lake.channels(dataset),
        "pins": list(lake.pins(dataset)),
        "gone": [
            {"version": removed.version, "reason": removed.reason} for removed in lake.tombstones(dataset).values()
        ],
        "table_uri": lake.store.sub(dataset).uri,
    }


def _dataset_line(row: dict[str, Any]) -> str:
    from augmill.tasks.summaries.retention_text import ranges

    notes = [f"{name} -> {version}" for name, version in sorted(row["channels"].items())]
    notes += [f"pinned {ranges(row['pins'])}"] if row["pins"] else []
    for reason in sorted({removed["reason"] for removed in row["gone"]}):
        notes.append(
            f"{reason} {ranges([removed['version'] for removed in row['gone'] if removed['reason'] == reason])}"
        )
    suffix = f"  [{', '.join(notes)}]" if notes else ""
    return f"{row['dataset']}@{row['version']}  {row['rows']} rows{suffix}  {row['table_uri']}"
