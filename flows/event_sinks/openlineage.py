"""OpenLineage events to wherever OpenLineage's own configuration says: a file, the console, a server. Off by default.

An event that does not arrive within seconds is given up and named in the log; a run does not wait for who watches it.
"""

from __future__ import annotations

import logging
import subprocess
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augmill.flows.settings import Settings
from augmill.flows.telemetry.count_events import build
from augmill.flows.telemetry.logs import LOGGER, log_to
from augmill.flows.timeouts import run_with_timeout
from augmill.policies.yaml_source import content_of
from augmill.tasks.telemetry.dataset_event import DatasetEvent

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient

    from augmill.tasks.lineage.openlineage import JobContext, Source

EVENT_SECONDS = 5.0
GIT_SECONDS = 5.0
_policies: dict[str, Path] = {}
"""The policy file of each run that was told to have started: later events of it do not name it."""


def handle(happening: DatasetEvent, current: Settings) -> None:
    """Send the event of a run's start or end, if somebody has configured where to."""
    if not current.openlineage or not happening.kind.startswith("run."):
        return
    log_to(current)
    why = _lost(happening, current)
    if why:
        logging.getLogger(LOGGER).warning("OpenLineage event of %s is lost: %s", happening.kind, why)


def _lost(happening: DatasetEvent, current: Settings) -> str:
    """Send the event; why it did not arrive, or nothing. Only the sending is timed, not the first import."""
    from augmill.tasks.lineage.openlineage import event
    from augmill.tasks.sanitize.redact import redact_text

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = event(happening, around(happening, current))
            if made is None:
                return ""
            to = client()
        run_with_timeout(EVENT_SECONDS, lambda: to.emit(made))
    except Exception as fault:  # noqa: BLE001  whatever its configuration or a transport raises is one line in the log
        return redact_text(f"{type(fault).__name__}: {fault}")[:300]
    return ""


def client() -> OpenLineageClient:
    """OpenLineage's client by its own configuration, with one try instead of six; its git facet names our checkout."""
    from openlineage.client import OpenLineageClient

    # Ours says where the policy is; theirs would say where the command was given.
    made = OpenLineageClient(config={"facets": {"source_code_location": {"disabled": True}}})
    transport: Any = made.transport
    if transport.kind == "http":
        transport.config.retry = {**transport.config.retry, "total": 0, "connect": 0, "read": 0}
        transport.timeout = min(float(transport.config.timeout), EVENT_SECONDS)
    if transport.kind == "console":
        _show(logging.getLogger("openlineage.client.transport.console"))
    return made


def _show(logger: logging.Logger) -> None:
    """Let the console transport, which logs, be seen; standard output is for the command's own answer."""
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler())


def around(happening: DatasetEvent, current: Settings) -> JobContext:
    """What is known of a run beside what is told of it: its policy's file and place, who asked for it, and when."""
    from augmill.tasks.lineage.openlineage import JobContext, is_uuid

    started = happening.kind == "run.started"
    policy = Path(str(happening.facts["policy"])) if started else _policies.pop(happening.run_id, None)
    if started and policy is not None:
        _policies[happening.run_id] = policy
    said = content_of(policy) if policy else {}
    return JobContext(
        namespace=current.openlineage_namespace,
        version=build(),
        owner=str(said.get("owner") or ""),
        description=str(said.get("description") or ""),
        source=source(policy) if policy is not None else None,
        parent=current.openlineage_parent,
        nominal=_scheduled() if is_uuid(happening.run_id) else None,
    )


def _scheduled() -> float | None:
    """When Prefect was to start the run that is under way, if a schedule asked for it."""
    from prefect.runtime import deployment, flow_run

    planned = flow_run.scheduled_start_time if deployment.id else None
    return planned.timestamp() if planned else None


def source(policy: Path) -> Source | None:
    """Where a policy is in its git repository; None outside one, or where that has no remote of a name git knows."""
    from augmill.tasks.lineage.openlineage import Source
    from augmill.tasks.sanitize.redact import redact

    folder = policy.absolute().parent
    url = _git(folder, "remote", "get-url", "origin")
    if not url:
        return None
    prefix = _git(folder, "rev-parse", "--show-prefix") or ""
    return Source(redact(url), _git(folder, "rev-parse", "HEAD"), f"{prefix}{policy.name}")


def _git(folder: Path, *asked: str) -> str | None:
    command = ["git", "-C", str(folder), *asked]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None
