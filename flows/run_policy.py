"""Run a policy from its start to its document, for the command and for `augmill.run`.

The source, the policy and the current version are compared first, before any server or worker is started.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from augmill.flows.policy_request import resolve_with_settings
from augmill.flows.settings import RunnerName, Settings
from augmill.flows.unchanged_run import finish_unchanged


def run_policy(policy: Path, runner: RunnerName | None, current: Settings) -> dict[str, Any]:
    """Run the policy if anything has changed, and return the document of its version; whoever watches is told."""
    from augmill.flows.run_events import publish, report_failures
    from augmill.tasks.telemetry.dataset_event import OUTSIDE, ending

    began = time.monotonic()
    with report_failures(policy, OUTSIDE):
        request = resolve_with_settings(policy, current)
        document = finish_unchanged(request, current)
    if document is None:
        document = run_flow(policy, runner, current)
    else:
        publish(ending(document, OUTSIDE, time.time()))
    document["seconds"] = round(time.monotonic() - began, 3)
    return document


def run_flow(policy: Path, runner: RunnerName | None, current: Settings) -> dict[str, Any]:
    """Run the flow on the user's Prefect server, or on one of our own that ends with us."""
    from augmill.flows.run_events import report_failures
    from augmill.flows.servers.prefect_server import loopback_server
    from augmill.tasks.telemetry.dataset_event import OUTSIDE

    with loopback_server(current) as server:
        from augmill.flows.augment import augment
        from augmill.flows.preload import warm

        warm(current.tracking_uri)  # while the server starts
        with ExitStack() as connection:
            with report_failures(policy, OUTSIDE):
                connection.enter_context(server.connected())
            return cast(dict[str, Any], augment(str(policy), runner))
