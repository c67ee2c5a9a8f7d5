"""Whether those who are told of trouble can be reached; nothing is sent to them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from flows.checking import SECONDS, Answer, fail, ok
from flows.settings import Settings


def check(current: Settings) -> Iterator[Answer]:
    """Connect to both. The address of a webhook is a secret, so its host alone is shown."""
    alerts = current.alerts
    if alerts.webhook_url is not None:
        parts = urlsplit(alerts.webhook_url.reveal().decode())
        port = parts.port or (443 if parts.scheme == "https" else 80)
        yield reached("webhook", parts.hostname or "", port, "Correct AUGMILL_WEBHOOK_URL, or open the way to it.")
    if alerts.smtp is not None:
        yield reached("mail", alerts.smtp.host, alerts.smtp.port, "Correct AUGMILL_SMTP_URL, or open the way to it.")


def reached(name: str, host: str, port: int, remedy: str) -> Answer:
    """Whether somebody listens there."""
    try:
        socket.create_connection((host, port), SECONDS).close()
    except OSError as fault:
        return fail(name, f"{host}:{port} cannot be reached: {fault}", remedy)
    return ok(name, f"{host}:{port} can be reached")
