"""Gates of a published version, run again without writing to the lake."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from augmill.flows.runner_choice import open_runner, suited
from augmill.flows.settings import Settings
from augmill.tasks.runs.manifest import Published
from augmill.tasks.versions.versions import Lake


def recheck_gates(lake: Lake, published: Published, channel: str, current: Settings, *, at_ms: int, by: str) -> None:
    """Run the gates again whose result may change for the same rows; raises DataError where one fails."""
    from augmill.flows.run_events import publish_measurement
    from augmill.tasks.versions import monitoring
    from augmill.tasks.versions.regate import TODAY

    checks = rerun_gates(lake, published, current, TODAY)
    if checks:
        document = monitoring.store_measurement(lake, published, monitoring.GATES, checks, at_ms=at_ms, by=by)
        publish_measurement(document, by)
        monitoring.report_breaches(lake, published, current.tracking_uri)
        monitoring.refuse(document, f"{channel} was not moved: ")


def rerun_gates(
    lake: Lake, published: Published, current: Settings, only: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """The results of the version's gates on its published rows; `only`: the names of those to run."""
    from augmill.tasks.versions.rebuild import context_of
    from augmill.tasks.versions.regate import regate

    lake.refuse_removed(published)
    gates = published.manifest.policy.get("gates", {})
    if not any(gates.get(name) for name in only or gates):
        return []
    size = sum(file.bytes for file in published.manifest.data_files)
    with tempfile.TemporaryDirectory(prefix="augmill-gate-") as scratch:
        ctx = replace(context_of(lake, published, current.plugins, scratch), pii_key=current.pii_key)
        with open_runner(current, suited(current.runner, size)) as runner:
            return regate(ctx, runner, published, only)
