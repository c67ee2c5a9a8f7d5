"""Alerts straight to a webhook and by mail, for runs without a Prefect server that could do it."""

from __future__ import annotations

import fcntl
import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from augmill.flows.config.alert_settings import Alerts
from augmill.flows.settings import make_folder
from augmill.flows.telemetry.logs import LOGGER
from augmill.flows.timeouts import run_with_timeout
from augmill.policies.errors import StorageError

if TYPE_CHECKING:
    from augmill.tasks.telemetry.alert import Alert

ANSWER_SECONDS = 3.0
ATTEMPTS = 2
FOLDER = "alerts"

Told = dict[str, dict[str, float]]


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
            run_with_timeout(ANSWER_SECONDS, lambda: send(alert))
        except Exception as fault:  # noqa: BLE001 - a mail or a webhook may fail in any way, and no run with it
            said = _said(fault)
        else:
            return "sent"
    return said


def _once(name: str, send: Callable[[Alert], None], alert: Alert, home: Path) -> str:
    from augmill.tasks.telemetry.alert import QUIET_SECONDS

    group, now = f"{name} {alert.group}", time.time()

    def claim(told: Told) -> bool:
        if 0 <= now - told.get(group, {"at": 0.0})["at"] < QUIET_SECONDS[alert.kind]:
            return False
        told[group] = {"at": now}
        return True

    if not _noted(home, claim):
        return "held back"
    outcome = attempt(send, alert)
    if outcome != "sent":
        logging.getLogger(LOGGER).warning("no alert by %s: %s", name, outcome)
        _noted(home, lambda told: told.pop(group, None) is not None)
    return outcome


def _noted(home: Path, change: Callable[[Told], bool]) -> bool:
    """Change what is known of when each group was told of last, which several runs of one home share; returns what the
    change does. Where nothing can be kept, it is true: a full disk may be what the alert is about."""
    from augmill.tasks.telemetry.alert import QUIET_SECONDS

    try:
        with (make_folder(home / FOLDER) / "told.json").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            told = _told(file)
            answer = change(told)
            young = time.time() - max(QUIET_SECONDS.values())
            file.truncate(0)
            json.dump({group: entry for group, entry in told.items() if entry["at"] > young}, file)
            return answer
    except (OSError, StorageError):
        return True


def _told(file: TextIO) -> Told:
    """When each group was told of last, in Unix seconds; a damaged file means nobody was told."""
    try:
        return {str(group): {"at": float(entry["at"])} for group, entry in json.load(file).items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _call(alert: Alert, alerts: Alerts) -> None:
    import httpx

    from augmill.tasks.telemetry.webhook import request_of

    if alerts.webhook_url is None:
        return
    body, headers = request_of(alert, alerts.webhook_secret, int(time.time()))
    url = alerts.webhook_url.reveal().decode()
    # A redirect would hand the alert to whoever is named there.
    answer = httpx.post(url, content=body, headers=dict(headers), timeout=ANSWER_SECONDS, follow_redirects=False)
    if not answer.is_success:
        raise ConnectionError(f"HTTP {answer.status_code}")


def _mail(alert: Alert, alerts: Alerts) -> None:
    from augmill.tasks.telemetry.mail import message_of, send

    if alerts.smtp is None:
        return
    send(message_of(alert, alerts.smtp.sender, alerts.email), alerts.smtp, ANSWER_SECONDS)


def _said(fault: Exception) -> str:
    """What is wrong in words that cannot hold the address: libraries put it into theirs."""
    import smtplib

    import httpx

    if isinstance(fault, ConnectionError) and not fault.errno and fault.args:
        return str(fault)
    hangs_up = (smtplib.SMTPServerDisconnected, httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
    known = (
        (smtplib.SMTPAuthenticationError, "the mail server refuses user and password"),
        (smtplib.SMTPResponseException, f"the mail server answered {getattr(fault, 'smtp_code', '')}"),
        (smtplib.SMTPRecipientsRefused, "the mail server refuses every recipient"),
        (smtplib.SMTPNotSupportedError, f"the mail server cannot do it: {fault}"),
        ((TimeoutError, httpx.TimeoutException), f"no answer in {ANSWER_SECONDS:g} s"),
        (hangs_up, "it hangs up, or speaks another language"),
        ((httpx.ConnectError, OSError), f"it cannot be reached ({_reason(fault)})"),
    )
    return next((words for kinds, words in known if isinstance(fault, kinds)), type(fault).__name__)


def _reason(fault: BaseException | None) -> str:
    """What the machine says of a connection, from beneath what a library makes of it."""
    while fault is not None and not getattr(fault, "strerror", None):
        fault = fault.__cause__ or fault.__context__
    return str(getattr(fault, "strerror", "nobody says why"))
