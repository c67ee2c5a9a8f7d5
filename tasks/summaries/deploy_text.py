"""What `augmill deploy` did, or would do, as a person reads it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

FIELDS = {
    "cron": "schedule",
    "strategy": "overlap",
    "root": "folder",
    "pool": "work pool",
    "limit": "runs at a time",
    "parameters": "parameters",
    "entrypoint": "flow",
    "job_variables": "variables of the job",
}
WAITING = {"ENQUEUE": "a second run waits", "CANCEL_NEW": "a second run is skipped"}


def summary(document: Mapping[str, Any]) -> str:
    """The text to print."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    deployments = {deployment["name"]: deployment for deployment in document["deployments"]}
    width = max(map(len, (*deployments, *document["removed"], *document["gone"], "work pool")))
    pool = document["work_pool"]
    would = "would be " if document["dry_run"] else ""
    if pool["created"]:
        yield f"{pool['name']:<{width}}  {would}made, a work pool of processes"
    for name, deployment in deployments.items():
        yield f"{name:<{width}}  {_fate(document, name, would)}; {_when(deployment)}"
    for name in document["removed"]:
        yield f"{name:<{width}}  {would}removed: its policy is gone"
    for name in document["gone"]:
        yield f"{name:<{width}}  left, though its policy is gone; `augmill deploy --prune` removes it"
    yield ""
    if document["dry_run"]:
        yield f"Nothing was changed on {document['server']}."
    elif not (document["created"] or document["updated"] or document["removed"] or pool["created"]):
        yield f"Nothing to change on {document['server']}."
    name = shlex.quote(pool["name"])
    if pool["paused"]:
        yield f"The work pool is paused: no run starts before `prefect work-pool resume {name}`."
    yield f"A worker takes the runs: prefect worker start --pool {name}"


def _fate(document: Mapping[str, Any], name: str, would: str) -> str:
    if name in document["created"]:
        return f"{would}deployed"
    if name in document["updated"]:
        changed = ", ".join(dict.fromkeys(FIELDS.get(field, field) for field in document["updated"][name]))
        return f"{would}changed ({changed})"
    return "as it was"


def _when(deployment: Mapping[str, Any]) -> str:
    cron = deployment["cron"]
    when = f"{cron} {deployment['timezone']}" if cron else "runs when asked to"
    return f"{when}, {WAITING[deployment['strategy']]}"
