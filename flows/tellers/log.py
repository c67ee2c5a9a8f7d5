"""The log file in the home: a line for everything that happened."""

from __future__ import annotations

import json
import logging

from flows.logs import LOGGER, log_to
from flows.settings import Settings
from tasks.telemetry.happening import Happening

SHOWN = ("version", "kind", "cause", "channel", "seconds")


def tell(happening: Happening, current: Settings) -> None:
    """Write what happened, without the lists and tables of its facts."""
    log_to(current.home)
    facts = {name: happening.facts[name] for name in SHOWN if name in happening.facts}
    line = {"happened": happening.kind, "dataset": happening.dataset, "run_id": happening.run_id, **facts}
    logging.getLogger(LOGGER).info("%s", json.dumps(line, default=str))
