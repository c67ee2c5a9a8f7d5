"""Ask a server something over HTTP: one bounded request, with the credentials of its address, and no library."""

from __future__ import annotations

import base64
import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Reply:
    """What came back; `date` is the server's clock as it says it, `at` ours when it came, in Unix seconds."""

    status: int
    body: bytes
    date: str | None
    at: float

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace").strip()


class NoReply(Exception):
    """Nothing came back; says why, and holds no credential."""


def ask(url: str, *, seconds: float, auth: str | None = None, body: bytes | None = None) -> Reply:
    """GET, or POST where there is a body of JSON; any status is a reply. `auth` is `user:password`, or a token."""
    headers = authorization(auth or user_of(url)) | ({"Content-Type": "application/json"} if body else {})
    try:
        request = urllib.request.Request(without_user(url), body, headers)  # noqa: S310 (the user's own address)
        with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
            at = time.time()
            return Reply(answer.status, answer.read(MOST_BYTES), answer.headers.get("Date"), at)
    except urllib.error.HTTPError as fault:
        with fault:
            return Reply(fault.code, fault.read(MOST_BYTES), fault.headers.get("Date"), time.time())
    except TimeoutError as fault:
        raise NoReply(f"no answer in {seconds:g} s") from fault
    except (OSError, http.client.HTTPException, ValueError) as fault:
        reason = getattr(fault, "reason", fault)
        raise NoReply(f"no answer in {seconds:g} s" if isinstance(reason, TimeoutError) else str(reason)) from fault


def authorization(auth: str | None) -> dict[str, str]:
    """The header that carries `user:password` or a token, if there is one."""
    if not auth:
        return {}
    basic = "Basic " + base64.b64encode(auth.encode()).decode()
    return {"Authorization": basic if ":" in auth else f"Bearer {auth}"}


def without_user(url: str) -> str:
    """The address without user and password."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def user_of(url: str) -> str | None:
    """`user:password` of an address, if it has any."""
    user, separator, _ = urllib.parse.urlsplit(url).netloc.rpartition("@")
    return urllib.parse.unquote(user) if separator else None
