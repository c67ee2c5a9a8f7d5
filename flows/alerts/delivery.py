"""Send alerts directly to a webhook and by mail, for runs without a Prefect server that could do it."""

from __future__ import annotations

import fcntl
import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from augmill.flows.config.alert_settings import AlertSettings
from augmill.flows.settings import make_folder
from augmill.flows.telemetry.logs import LOGGER
from augmill.flows.timeouts import run_with_timeout
from augmill.policies.errors import StorageError

if TYPE_CHECKING:
    from augmill.tasks.telemetry.alert import Alert

ANSWER_SECONDS = 3.0
ATTEMPTS = 2
FOLDER = "alerts"

SentTimes = dict[str, dict[str, float]]


def deliver(alert: Alert, alerts: AlertSettings, home: Path) -> dict[str, str]:
    """Send an alert by every configured sender, unless one of its group was sent a short while ago.

    Returns for each sender `sent`, `held back`, or the reason of failure; the next alert tries a failed one again.
    """
    return {name: _deliver_once(name, send, alert, home) for name, send in senders(alerts).items()}


def senders(alerts: AlertSettings) -> Mapping[str, Callable[[Alert], None]]:
    """The senders that the settings configure, by name."""
    send_by_name: dict[str, Callable[[Alert], None]] = {}
    if alerts.webhook_url is not None:
        send_by_name["webhook"] = lambda alert: _post_webhook(alert, alerts)
    if alerts.email:
        send_by_name["e-mail"] = lambda alert: _send_mail(alert, alerts)
    return send_by_name


def attempt(send: Callable[[Alert], None], alert: Alert) -> str:
    """Send by one sender, with one retry; returns `sent`, or the reason of failure without address or secret."""
    reason = ""
    for _ in range(ATTEMPTS):
        try:
            run_with_timeout(ANSWER_SECONDS, lambda: send(alert))
        except Exception as fault:  # noqa: BLE001 - a mail or a webhook may fail in any way, and no run with it
            reason = _fault_text(fault)
        else:
            return "sent"
    return reason


def _deliver_once(name: str, send: Callable[[Alert], None], alert: Alert, home: Path) -> str:
    from augmill.tasks.telemetry.alert import QUIET_SECONDS

    group, now = f"{name} {alert.group}", time.time()

    def claim(sent_times: SentTimes) -> bool:
        if 0 <= now - sent_times.get(group, {"at": 0.0})["at"] < QUIET_SECONDS[alert.kind]:
            return False
        sent_times[group] = {"at": now}
        return True

    if not _update_sent_times(home, claim):
        return "held back"
    outcome = attempt(send, alert)
    if outcome != "sent":
        logging.getLogger(LOGGER).warning("no alert by %s: %s", name, outcome)
        _update_sent_times(home, lambda sent_times: sent_times.pop(group, None) is not None)
    return outcome


def _update_sent_times(home: Path, change: Callable[[SentTimes], bool]) -> bool:
    """Apply `change` to the times of the last alert of each group, which several runs of one home share; returns what
    `change` returns. True where the file cannot be written: a full disk may be the reason of the alert."""
    from augmill.tasks.telemetry.alert import QUIET_SECONDS

    try:
        with (make_folder(home / FOLDER) / "told.json").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            sent_times = _read_sent_times(file)
            answer = change(sent_times)
            young = time.time() - max(QUIET_SECONDS.values())
            file.truncate(0)
            json.dump({group: entry for group, entry in sent_times.items() if entry["at"] > young}, file)
            return answer
    except (OSError, StorageError):
        return True


def _read_sent_times(file: TextIO) -> SentTimes:
    """When the last alert of each group was sent, in Unix seconds; empty where the file is damaged."""
    try:
        return {str(group): {"at": float(entry["at"])} for group, entry in json.load(file).items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _post_webhook(alert: Alert, alerts: AlertSettings) -> None:
    import httpx

    from augmill.tasks.telemetry.webhook import request_of

    if alerts.webhook_url is None:
        return
    body, headers = request_of(alert, alerts.webhook_secret, int(time.time()))
    url = alerts.webhook_url.reveal().decode()
    # A redirect would send the alert to another host.
    answer = httpx.post(url, content=body, headers=dict(headers), timeout=ANSWER_SECONDS, follow_redirects=False)
    if not answer.is_success:
        raise ConnectionError(f"HTTP {answer.status_code}")


def _send_mail(alert: Alert, alerts: AlertSettings) -> None:
    from augmill.tasks.telemetry.mail import message_of, send

    if alerts.smtp is None:
        return
    send(message_of(alert, alerts.smtp.sender, alerts.email), alerts.smtp, ANSWER_SECONDS)


def _fault_text(fault: Exception) -> str:
    """The reason of failure in our own words: messages of libraries contain the secret address."""
    import smtplib

    import httpx

    if isinstance(fault, ConnectionError) and not fault.errno and fault.args:
        return str(fault)
    hangs_up = (smtplib.SMTPServerDisconnected, httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
    messages = (
        (smtplib.SMTPAuthenticationError, "the mail server refuses user and password"),
        (smtplib.SMTPResponseException, f"the mail server answered {getattr(fault, 'smtp_code', '')}"),
        (smtplib.SMTPRecipientsRefused, "the mail server refuses every recipient"),
        (smtplib.SMTPNotSupportedError, f"the mail server cannot do it: {fault}"),
        ((TimeoutError, httpx.TimeoutException), f"no answer in {ANSWER_SECONDS:g} s"),
        (hangs_up, "it hangs up, or speaks another language"),
        ((httpx.ConnectError, OSError), f"it cannot be reached ({_operating_system_reason(fault)})"),
    )
    return next((words for kinds, words in messages if isinstance(fault, kinds)), type(fault).__name__)


def _operating_system_reason(fault: BaseException | None) -> str:
    """The error text of the operating system, taken from the causes of a library's exception."""
    while fault is not None and not getattr(fault, "strerror", None):
        fault = fault.__cause__ or fault.__context__
    return str(getattr(fault, "strerror", "nobody says why"))
