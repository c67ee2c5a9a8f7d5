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

SHOWN = ("version", "kind", "cause", "remedy", "exit_code", "where", "channel", "seconds")


def handle(happening: DatasetEvent, current: Settings) -> None:
    """Write what happened, without the lists and tables of its facts."""
    log_to(current)
    facts = {name: happening.facts[name] for name in SHOWN if name in happening.facts}
    level = logging.ERROR if happening.kind == "run.failed" else logging.INFO
    with entered(replace(current_scope(), run_id=happening.run_id, dataset=happening.dataset)):
        logging.getLogger(LOGGER).log(level, "%s", happening.kind, extra={FACTS: facts})
