"""OpenLineage events to wherever OpenLineage's own configuration says: a file, the console, a server. Off by default.

An event that does not arrive within seconds is dropped and named in the log; a run does not wait for observers.
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
"""The policy file of each started run, by run id: later events of the run do not name it."""


def handle(event: DatasetEvent, current: Settings) -> None:
    """Send the event of a run's start or end, if a destination is configured."""
    if not current.openlineage or not event.kind.startswith("run."):
        return
    log_to(current)
    reason = _send(event, current)
    if reason:
        logging.getLogger(LOGGER).warning("OpenLineage event of %s is lost: %s", event.kind, reason)


def _send(event: DatasetEvent, current: Settings) -> str:
    """Send the event; returns the reason of failure, or an empty text. The time limit excludes the first import."""
    from augmill.tasks.lineage.openlineage import event as openlineage_event
    from augmill.tasks.sanitize.redact import redact_text

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            document = openlineage_event(event, job_context(event, current))
            if document is None:
                return ""
            to = client()
        run_with_timeout(EVENT_SECONDS, lambda: to.emit(document))
    except Exception as fault:  # noqa: BLE001  whatever its configuration or a transport raises is one line in the log
        return redact_text(f"{type(fault).__name__}: {fault}")[:300]
    return ""


def client() -> OpenLineageClient:
    """OpenLineage's client from its own configuration, with one try instead of six, and without its git facet."""
    from openlineage.client import OpenLineageClient

    # Our source facet names the policy's repository; the client's own would name the working directory.
    lineage_client = OpenLineageClient(config={"facets": {"source_code_location": {"disabled": True}}})
    transport: Any = lineage_client.transport
    if transport.kind == "http":
        transport.config.retry = {**transport.config.retry, "total": 0, "connect": 0, "read": 0}
        transport.timeout = min(float(transport.config.timeout), EVENT_SECONDS)
    if transport.kind == "console":
        _show_on_stderr(logging.getLogger("openlineage.client.transport.console"))
    return lineage_client


def _show_on_stderr(logger: logging.Logger) -> None:
    """Show the log of the console transport on standard error; standard output holds the command's own answer."""
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler())


def job_context(event: DatasetEvent, current: Settings) -> JobContext:
    """The context of a run that its event does not hold: policy file, repository, owner, parent run, schedule."""
    from augmill.tasks.lineage.openlineage import JobContext, is_uuid

    started = event.kind == "run.started"
    policy = Path(str(event.facts["policy"])) if started else _policies.pop(event.run_id, None)
    if started and policy is not None:
        _policies[event.run_id] = policy
    policy_document = content_of(policy) if policy else {}
    return JobContext(
        namespace=current.openlineage_namespace,
        version=build(),
        owner=str(policy_document.get("owner") or ""),
        description=str(policy_document.get("description") or ""),
        source=source(policy) if policy is not None else None,
        parent=current.openlineage_parent,
        nominal=_scheduled_start() if is_uuid(event.run_id) else None,
    )


def _scheduled_start() -> float | None:
    """The scheduled start of the current run in Unix seconds; None where it has no deployment."""
    from prefect.runtime import deployment, flow_run

    planned = flow_run.scheduled_start_time if deployment.id else None
    return planned.timestamp() if planned else None


def source(policy: Path) -> Source | None:
    """A policy's place in its git repository; None outside one, or where it has no remote `origin`."""
    from augmill.tasks.lineage.openlineage import Source
    from augmill.tasks.sanitize.redact import redact

    folder = policy.absolute().parent
    url = _git(folder, "remote", "get-url", "origin")
    if not url:
        return None
    prefix = _git(folder, "rev-parse", "--show-prefix") or ""
    return Source(redact(url), _git(folder, "rev-parse", "HEAD"), f"{prefix}{policy.name}")


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None
