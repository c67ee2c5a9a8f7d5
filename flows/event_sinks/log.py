"""The log file in the home: a line for everything that happened."""

from __future__ import annotations

import logging
from dataclasses import replace

from augmill.flows.settings import Settings
from augmill.flows.telemetry.logs import LOGGER, log_to
from augmill.tasks.telemetry.dataset_event import DatasetEvent
from augmill.tasks.telemetry.log_record import FACTS
from augmill.tasks.telemetry.spans import current as current_scope
from augmill.tasks.telemetry.spans import entered

LOGGED_FACTS = ("version", "kind", "cause", "remedy", "exit_code", "where", "channel", "seconds")


def handle(event: DatasetEvent, current: Settings) -> None:
    """Log the event, without the lists and tables of its facts."""
    log_to(current)
    facts = {name: event.facts[name] for name in LOGGED_FACTS if name in event.facts}
    level = logging.ERROR if event.kind == "run.failed" else logging.INFO
    with entered(replace(current_scope(), run_id=event.run_id, dataset=event.dataset)):
        logging.getLogger(LOGGER).log(level, "%s", event.kind, extra={FACTS: facts})
