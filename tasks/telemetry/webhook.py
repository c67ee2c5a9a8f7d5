"""An alert as the request that a webhook gets: JSON, with a key to tell repeats by and a signature to trust it by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.sanitize.secret import Secret
from augmill.tasks.telemetry.alert import Alert

KEY, AT, SIGNATURE, TOKEN = "X-Augmill-Key", "X-Augmill-At", "X-Augmill-Signature", "X-Augmill-Token"
_TOKEN_OF = b"augmill: token of a webhook that cannot sign"


def content_of(alert: Alert) -> dict[str, Any]:
    """The body. `key` is the same however often the alert arrives; `text` is what chat rooms show."""
    return asdict(alert) | {"key": key_of(alert), "facts": dict(alert.facts)}


def key_of(alert: Alert) -> str:
    """What tells one alert from all others, and is the same for a repeat."""
    return hash_of(alert.group, alert.dataset, alert.run_id, alert.at)


def request_of(alert: Alert, secret: Secret | None, at: int) -> tuple[bytes, Mapping[str, str]]:
    """Body and headers. The signature is HMAC-SHA-256 over `AT.BODY`, so that no old request passes for a new one.

    `at`: Unix seconds.
    """
    body = json.dumps(content_of(alert), sort_keys=True, default=str).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "augmill", KEY: key_of(alert), AT: str(at)}
    if secret is not None:
        headers[SIGNATURE] = "sha256=" + secret.digest(f"{at}.".encode() + body)
    return body, headers


def token_of(secret: Secret) -> str:
    """What a sender shows that cannot sign, such as Prefect's webhook block; it does not give the secret away."""
    return secret.digest(_TOKEN_OF)
