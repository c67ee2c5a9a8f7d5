"""The progress of a run, as a bar on its page in Prefect's UI and as lines in its log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from augmill.flows.prefect_artifacts import artifact_client, is_watched
from augmill.flows.settings import STAGES, Settings
from augmill.flows.telemetry.logs import LOGGER

# The look is over before there is a bar; what remains to be recorded has been published.
SHARES = {name: round(100.0 * number / 9, 1) for number, name in enumerate(STAGES[1:10], start=1)}


def progress(dataset: str, run_id: str, current: Settings) -> Callable[[str, float], None]:
    """A function to call after each stage. A server that does not answer loses the bar, never the run."""
    bar: list[UUID] = []
    lost = False

    def on_stage(name: str, seconds: float) -> None:
        nonlocal lost
        if not is_watched(current):
            return
        logging.getLogger(LOGGER).info("%s: %.1f s", name, seconds)
        if lost:
            return
        try:
            with artifact_client(run_id, current) as at:
                if at is None:
                    lost = True
                elif bar:
                    at.change(bar[0], SHARES[name])
                else:
                    bar.append(at.put(f"{dataset}-progress", "progress", SHARES[name], f"{dataset}: share of stages"))
        except Exception as fault:  # noqa: BLE001 (a picture of the run is not worth the run)
            lost = True
            logging.getLogger(LOGGER).warning("Prefect shows no progress: %s", fault)

    return on_stage
