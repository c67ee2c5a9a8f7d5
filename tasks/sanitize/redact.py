"""Cut credentials out of URIs before anything is written where others read: one function for the whole record."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

HIDDEN = "REDACTED"

# A URI ends at white space, a quote, or what closes it in YAML, JSON, HTML and Markdown.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>`\\]+")
_USER_INFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@")
# An unescaped slash inside a password: `s3://key:pa/ss@bucket/x`. Only behind a user and a colon that opens no port,
# or paths with an @ in them would be cut.
_USER_INFO_WITH_SLASH = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#:@\[\]]+:(?!\d+(?:[/?#]|$)).*@")
_QUERY = re.compile(r"(?P<lead>[?&;#])(?P<key>[^=&;#]+)=(?P<value>[^&;#]*)")
_SECRET_KEY = re.compile(
    r"^x-(amz|goog|oss|cos)-|^(sig|se|sp|sv|sr|spr|skoid|sktid|skt|ske|sks|skv|st|auth|key|pwd|pass|user|username)$"
    r"|signature|token|secret|password|passwd|credential|access.?key|api.?key|account.?key|authorization|policy",
    re.IGNORECASE,
)
_AWS_KEY_ID = re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}(?![A-Za-z0-9])")
_ASSIGNED = re.compile(
    r"(?i)\b((?:aws_)?(?:secret_access_key|session_token|secret_key|access_key_id|access_key)|mlflow_tracking_(?:password"
    r"|token))(\"?'?\s*[:=]\s*)([\"']?)[^\s\"',;&}]+\3"
)


def redact(uri: str) -> str:
    """The URI without user info, signatures, tokens and AWS keys; everything that names the object stays."""
    redacted = _USER_INFO.sub(rf"\1{HIDDEN}@", uri)
    if redacted == uri:
        redacted = _USER_INFO_WITH_SLASH.sub(rf"\1{HIDDEN}@", uri)
    redacted = _QUERY.sub(_without_secret, redacted)
    return _AWS_KEY_ID.sub(HIDDEN, redacted)


def redact_text(text: str) -> str:
    """Any text with every URI in it redacted, and AWS keys that stand alone or behind their names."""
    redacted = _URI.sub(lambda match: redact(match.group()), text) if "://" in text else text
    redacted = _ASSIGNED.sub(rf"\1\2\3{HIDDEN}\3", redacted)
    return _AWS_KEY_ID.sub(HIDDEN, redacted)


def redact_all(value: Any) -> Any:
    """A JSON value with every string in it, keys included, redacted; other values as they are."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        return {redact_text(str(key)): redact_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_all(item) for item in value]
    return value


def _without_secret(match: re.Match[str]) -> str:
    if not _SECRET_KEY.search(unquote(match["key"])):
        return match.group()
    return f"{match['lead']}{match['key']}={HIDDEN}"
