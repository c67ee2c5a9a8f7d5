"""A run that a worker of Prefect starts: it has no terminal, so it reports its progress and outcome in Prefect."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from prefect.exceptions import FailedRun
from prefect.logging.handlers import APILogHandler
from prefect.runtime import deployment
from prefect.states import Completed, Failed

from augmill.flows.policy_request import resolve_with_settings
from augmill.flows.settings import quiet_libraries, settings
from augmill.flows.telemetry.logs import LOGGER, log_to
from augmill.flows.unchanged_run import finish_unchanged
from augmill.policies.errors import AugmillError
from augmill.tasks.sanitize.redact import redact_text

Document = dict[str, Any]


def by_a_worker() -> bool:
    """Whether this process runs the flow for a deployment."""
    return deployment.id is not None


def as_state(work: Callable[[], Document]) -> State[Any]:
    """Do the work of a run and return its outcome as a Prefect state; an expected fault has no traceback."""
    current = settings()
    quiet_libraries(current)
    log_to(current)
    log_to_prefect()
    try:
        return Completed(message=outcome_text(work()))
    except AugmillError as fault:
        logging.getLogger(LOGGER).error("%s", redact_text(str(fault)))
        return Failed(message=f"{type(fault).__name__}: {redact_text(str(fault))}")


def unchanged(policy: Path) -> Document | None:
    """The document of the current version where a run has nothing to do; checked before anything expensive starts."""
    current = settings()
    return finish_unchanged(resolve_with_settings(policy, current), current)


def outcome_text(document: Document) -> str:
    """One line for Prefect's list of runs."""
    name = f"{document['dataset']}@{document['version']}"
    if document.get("skipped"):
        return f"{name} is up to date: nothing has changed."
    rows = document["rows"]
    counts = ", ".join(
        f"{rows[origin]:,} {origin}" for origin in ("real", "augmented", "synthetic") if rows.get(origin)
    )
    return f"{name} published: {counts} rows."


def log_to_prefect() -> None:
    """Send what runs log to Prefect's UI too, and keep tracebacks of foreseen faults out of it."""
    logger = logging.getLogger(LOGGER)
    if by_a_worker() and not any(isinstance(handler, APILogHandler) for handler in logger.handlers):
        logger.addHandler(APILogHandler())
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        engine = logging.getLogger(name)
        if _without_traceback not in engine.filters:
            engine.addFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    fault = record.exc_info[1] if record.exc_info else None
    if isinstance(fault, FailedRun):  # the engine's, of the state that has said it already
        return False
    if isinstance(fault, AugmillError):
        record.exc_info, record.exc_text = None, None
        record.msg, record.args = redact_text(str(fault)), ()
    return True
