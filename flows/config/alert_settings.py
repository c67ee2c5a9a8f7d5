"""Settings of alerts by webhook and mail. Nothing here shows a password or a secret address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from augmill.policies.errors import PolicyError
from augmill.tasks.sanitize.secret import Secret
from augmill.tasks.telemetry.smtp import Smtp, smtp_of

_ADDRESS = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+")
_FEWEST_SECRET_SIGNS = 16


@dataclass(frozen=True)
class AlertSettings:
    """`webhook_url` and `webhook_secret`: where to post, and the key to sign with; `email` and `smtp`: the receivers of
    mail, and the server to send it through."""

    webhook_url: Secret | None = field(default=None, repr=False)
    webhook_secret: Secret | None = field(default=None, repr=False)
    email: tuple[str, ...] = ()
    smtp: Smtp | None = field(default=None, repr=False)

    @property
    def enabled(self) -> bool:
        """Whether any receiver of alerts is configured."""
        return self.webhook_url is not None or bool(self.email)


def alerts_of(environment: Mapping[str, str]) -> AlertSettings:
    """The settings of alerts. Raises PolicyError naming the variable that holds a bad value, never the value."""
    email = _addresses(environment.get("AUGMILL_ALERT_EMAIL", ""))
    smtp = environment.get("AUGMILL_SMTP_URL")
    if email and smtp is None:
        raise PolicyError(
            "AUGMILL_ALERT_EMAIL is set, and AUGMILL_SMTP_URL is not: no server would take the mail.",
            "Set AUGMILL_SMTP_URL, such as smtp://USER:PASSWORD@mail.example.org:587, or unset AUGMILL_ALERT_EMAIL.",
        )
    return AlertSettings(
        webhook_url=_webhook(environment.get("AUGMILL_WEBHOOK_URL")),
        webhook_secret=_secret(environment.get("AUGMILL_WEBHOOK_SECRET")),
        email=email,
        smtp=smtp_of(smtp.strip()) if email and smtp is not None else None,
    )


def _webhook(text: str | None) -> Secret | None:
    if text is None:
        return None
    try:
        parts = urlsplit(text.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise PolicyError(
            "AUGMILL_WEBHOOK_URL is no address of the form https://HOST/PATH.", "Correct it in the environment or .env."
        )
    return Secret(text.strip().encode())


def _secret(text: str | None) -> Secret | None:
    if text is None:
        return None
    if len(text.strip()) < _FEWEST_SECRET_SIGNS:
        raise PolicyError(
            f"AUGMILL_WEBHOOK_SECRET is shorter than {_FEWEST_SECRET_SIGNS} characters.",
            "Set it to what `openssl rand -hex 32` makes, here and where the webhook is received.",
        )
    return Secret(text.strip().encode())


def _addresses(text: str) -> tuple[str, ...]:
    addresses = tuple(part.strip() for part in text.split(",") if part.strip())
    wrong = [part for part in addresses if not _ADDRESS.fullmatch(part)]
    if wrong:
        raise PolicyError(
            f"AUGMILL_ALERT_EMAIL holds {wrong[0]!r}, which is no mail address.",
            "Set it to addresses such as ops@example.org, with commas between them.",
        )
    return addresses
