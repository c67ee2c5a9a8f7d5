"""Whether the receivers of alerts can be reached; nothing is sent to them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from augmill.flows.health_answer import Answer, check_reachable
from augmill.flows.settings import Settings


def check(current: Settings) -> Iterator[Answer]:
    """Connect to both. The address of a webhook is a secret, so its host alone is shown."""
    alerts = current.alerts
    if alerts.webhook_url is not None:
        parts = urlsplit(alerts.webhook_url.reveal().decode())
        port = parts.port or (443 if parts.scheme == "https" else 80)
        yield check_reachable(
            "webhook", parts.hostname or "", port, "Correct AUGMILL_WEBHOOK_URL, or open the way to it."
        )
    if alerts.smtp is not None:
        yield check_reachable(
            "mail", alerts.smtp.host, alerts.smtp.port, "Correct AUGMILL_SMTP_URL, or open the way to it."
        )
