"""Alerts straight to a webhook and by mail, for runs without a Prefect server that could do it."""

from __future__ import annotations

import fcntl
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.alerts.alerting import Alerts
from flows.bounded import within
from flows.settings import make_folder
from flows.telemetry.logs import LOGGER

if TYPE_CHECKING:
    from tasks.telemetry.alert import Alert

ANSWER_SECONDS = 3.0
ATTEMPTS = 2
FOLDER = "alerts"


def deliver(alert: Alert, alerts: Alerts, home: Path) -> dict[str, str]:
    """Send an alert by every way that is switched on, unless its group was told of a short while ago.

    Returns for each way `sent`, `held back`, or what is wrong. A way that failed is tried again by the next alert.
    """
    return {name: _once(name, send, alert, home) for name, send in ways(alerts).items()}


def ways(alerts: Alerts) -> Mapping[str, Callable[[Alert], None]]:
    """What is switched on."""
    found: dict[str, Callable[[Alert], None]] = {}
    if alerts.webhook_url is not None:
        found["webhook"] = lambda alert: _call(alert, alerts)
    if alerts.email:
        found["e-mail"] = lambda alert: _mail(alert, alerts)
    return found


def attempt(send: Callable[[Alert], None], alert: Alert) -> str:
    """Send by one way, twice if need be; `sent`, or what is wrong, without address or secret."""
    said = ""
    for _ in range(ATTEMPTS):
        try:
            within(ANSWER_SECONDS, lambda: send(alert))
        except Exception as fault:  # noqa: BLE001 - a mail or a webhook may fail in any way, and no run with it
            said = _said(fault)
        else:
            return "sent"
    return said


def _once(name: str, send: Callable[[Alert], None], alert: Alert, home: Path) -> str:
    from tasks.telemetry.alert import QUIET_SECONDS

    group, now = f"{name} {alert.group}", time.time()
    with _told(home) as told:
        last = told.get(group, {"at": 0.0})
        if 0 <= now - last["at"] < QUIET_SECONDS[alert.kind]:
            return "held back"
        told[group] = {"at": now}
    outcome = attempt(send, alert)
    if outcome != "sent":
        logging.getLogger(LOGGER).warning("no alert by %s: %s", name, outcome)
        with _told(home) as told:
            told.pop(group, None)
    return outcome


@contextmanager
def _told(home: Path) -> Iterator[dict[str, Any]]:
    """When each group was told of last; several runs of one home share it. A damaged file means nobody was told."""
    from tasks.telemetry.alert import QUIET_SECONDS

    folder = home / FOLDER
    make_folder(folder)
    with (folder / "told.json").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        try:
            told = dict(json.load(file))
        except ValueError:
            told = {}
        yield told
        young = time.time() - max(QUIET_SECONDS.values())
        file.truncate(0)
        json.dump({group: entry for group, entry in told.items() if entry["at"] > young}, file)


def _call(alert: Alert, alerts: Alerts) -> None:
    import httpx

    from tasks.telemetry.webhook import request_of

    if alerts.webhook_url is None:
        return
    body, headers = request_of(alert, alerts.webhook_secret, int(time.time()))
    url = alerts.webhook_url.reveal().decode()
    # A redirect would hand the alert to whoever is named there.
    answer = httpx.post(url, content=body, headers=dict(headers), timeout=ANSWER_SECONDS, follow_redirects=False)
    if not answer.is_success:
        raise ConnectionError(f"HTTP {answer.status_code}")


def _mail(alert: Alert, alerts: Alerts) -> None:
    from tasks.telemetry.mail import message_of, send

    if alerts.smtp is None:
        return
    send(message_of(alert, alerts.smtp.sender, alerts.email), alerts.smtp, ANSWER_SECONDS)


def _said(fault: Exception) -> str:
    """What is wrong in words that cannot hold the address: libraries put it into theirs."""
    import smtplib

    import httpx

    if isinstance(fault, ConnectionError) and not fault.errno and fault.args:
        return str(fault)
    if isinstance(fault, smtplib.SMTPAuthenticationError):
        return "the mail server refuses user and password"
    if isinstance(fault, smtplib.SMTPResponseException):
        return f"the mail server answered {fault.smtp_code}"
    if isinstance(fault, TimeoutError | httpx.TimeoutException):
        return f"no answer in {ANSWER_SECONDS:g} s"
    if isinstance(fault, httpx.ConnectError | OSError):
        return f"it cannot be reached ({getattr(fault, 'strerror', None) or 'connection refused, or no such host'})"
    return type(fault).__name__
