"""Plan a policy in a temporary folder, for the command and for `augmill.plan`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from augmill.flows.policy_request import resolve_with_settings
from augmill.flows.settings import Settings


def plan_policy(policy: Path, current: Settings) -> dict[str, Any]:
    """What a run would do, as one document; nothing is kept."""
    from augmill.tasks.dry_runs.plan import plan
    from augmill.tasks.runners import thread

    request = resolve_with_settings(policy, current, refuse_errors=False)
    with tempfile.TemporaryDirectory(prefix="augmill-plan-") as scratch, thread.Runner(current.workers) as runner:
        return plan(request, runner, scratch)
