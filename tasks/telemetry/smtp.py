"""A mail server as one address. Imports next to nothing: every command reads its settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from augmill.policies.errors import PolicyError
from augmill.tasks.sanitize.secret import Secret

PORTS = {"smtp": 25, "smtps": 465}
STARTTLS_PORT = 587


@dataclass(frozen=True)
class Smtp:
    """A mail server. `tls`: at once (`smtps://`), after the greeting (port 587, or `?starttls=yes`), or none."""

    host: str
    port: int
    tls: str
    sender: str
    user: str = ""
    password: Secret | None = field(default=None, repr=False)


def smtp_of(url: str) -> Smtp:
    """The server of `smtp[s]://USER:PASSWORD@HOST:PORT?from=ADDRESS`; PolicyError, without the URL, if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in PORTS or not parts.hostname or not port:
        raise PolicyError(
            "AUGMILL_SMTP_URL is no address of the form smtp://HOST:PORT.",
            "Write smtp://USER:PASSWORD@HOST:587?from=ADDRESS or smtps://..., with signs such as @ in it as %40.",
        )
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    plain = "starttls" if options.get("starttls", "yes" if port == STARTTLS_PORT else "no") == "yes" else "none"
    user = unquote(parts.username or "")
    return Smtp(
        host=parts.hostname,
        port=port,
        tls="tls" if parts.scheme == "smtps" else plain,
        sender=options.get("from") or (user if "@" in user else f"augmill@{_domain(parts.hostname)}"),
        user=user,
        password=Secret(unquote(parts.password).encode()) if parts.password else None,
    )


def _domain(host: str) -> str:
    """The host as the domain of a sender, which a bare IP address is not."""
    return host if any(sign.isalpha() for sign in host) and ":" not in host else "localhost"
