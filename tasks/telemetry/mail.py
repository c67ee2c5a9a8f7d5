"""An alert as a mail, and the ways to hand it to a server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from urllib.parse import quote, urlencode

from augmill.tasks.telemetry.alert import Alert
from augmill.tasks.telemetry.smtp import Smtp


def message_of(alert: Alert, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """The alert as a mail of plain text. Mail readers keep alerts of one group in one thread."""
    message = EmailMessage()
    message["Subject"] = f"[{alert.severity}] {alert.title}"
    message["From"], message["To"] = sender, ", ".join(recipients)
    message["References"] = f"<{alert.group.replace(':', '.')}@augmill>"
    message["Auto-Submitted"] = "auto-generated"
    details = [("dataset", alert.dataset), ("run", alert.run_id), ("at", alert.at), ("group", alert.group)]
    message.set_content(f"{alert.text}\n\n" + "".join(f"{name:<8} {value}\n" for name, value in details))
    return message


def send(message: EmailMessage, server: Smtp, seconds: float) -> None:
    """Hand a message to the server; each of its answers is waited for this long. Raises OSError or SMTPException."""
    context = ssl.create_default_context() if server.tls != "none" else None
    if server.tls == "tls":
        connected: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=context)
    else:
        connected = smtplib.SMTP(server.host, server.port, timeout=seconds)
    with connected as smtp:
        if server.tls == "starttls":
            smtp.starttls(context=context)
        if server.password is not None:
            smtp.login(server.user, server.password.reveal().decode())
        smtp.send_message(message)


def apprise_url(server: Smtp, recipients: Sequence[str]) -> str:
    """The same server as the address that Apprise takes, which Prefect's notification blocks send by."""
    scheme = "mailto" if server.tls == "none" else "mailtos"
    secret = f":{quote(server.password.reveal().decode(), safe='')}" if server.password is not None else ""
    login = f"{quote(server.user, safe='')}{secret}@" if server.user else ""
    mode = {"tls": "ssl", "starttls": "starttls", "none": "insecure"}[server.tls]
    query = {"smtp": server.host, "mode": mode, "from": server.sender, "to": ",".join(recipients), "format": "text"}
    return f"{scheme}://{login}{server.host}:{server.port}?{urlencode(query)}"
