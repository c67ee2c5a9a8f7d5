"""Prefect's events where a server outlives the run; alerts straight to people where it cannot pass them on."""

from __future__ import annotations

import logging

from augmill.flows.settings import Settings
from augmill.flows.telemetry.logs import LOGGER
from augmill.tasks.telemetry.dataset_event import DatasetEvent


def handle(happening: DatasetEvent, current: Settings) -> None:
    """Emit an event. An alert that no automation of the server will send goes out from here."""
    from augmill.flows.alerts.delivery import deliver
    from augmill.flows.alerts.prefect_events import emit, lasting_server
    from augmill.tasks.telemetry.alert import alert_of

    alert, url, passed_on = alert_of(happening), lasting_server(current), False
    if url is not None:
        try:
            passed_on = emit(happening, alert, url)
        except Exception as fault:  # noqa: BLE001 - said in one line, and the alert takes the other way
            logging.getLogger(LOGGER).warning("the Prefect server took no event %s: %r", happening.kind, fault)
    if alert is not None and not passed_on and current.alerts.wanted:
        deliver(alert, current.alerts, current.home)
