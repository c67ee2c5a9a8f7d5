"""Send events to a Prefect server that outlives the run; deliver alerts directly where it cannot."""

from __future__ import annotations

import logging

from augmill.flows.settings import Settings
from augmill.flows.telemetry.logs import LOGGER
from augmill.tasks.telemetry.dataset_event import DatasetEvent


def handle(event: DatasetEvent, current: Settings) -> None:
    """Send an event. An alert that no automation of the server will pass on is delivered from here."""
    from augmill.flows.alerts.delivery import deliver
    from augmill.flows.alerts.prefect_events import emit, lasting_server
    from augmill.tasks.telemetry.alert import alert_of

    alert, url, passed_on = alert_of(event), lasting_server(current), False
    if url is not None:
        try:
            passed_on = emit(event, alert, url)
        except Exception as fault:  # noqa: BLE001 - logged in one line, and the alert is delivered directly
            logging.getLogger(LOGGER).warning("the Prefect server took no event %s: %r", event.kind, fault)
    if alert is not None and not passed_on and current.alerts.enabled:
        deliver(alert, current.alerts, current.home)
