"""Send one HTTP request with a time limit and the credentials of its address, by the standard library alone."""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

from augmill.flows.timeouts import run_with_timeout

MOST_BYTES = 1 << 20
OTHER_PROGRAM = "another program does, or another version"


@dataclass(frozen=True)
class Reply:
    """The reply of a server; `date`: its clock, if it sends one; `at`: our clock on arrival; both in Unix seconds."""

    status: int
    body: bytes
    date: float | None
    at: float

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace").strip()

    @property
    def json(self) -> Any:
        """The body as JSON. Raises NoReply where it is not JSON, such as a page of another program."""
        try:
            return json.loads(self.body)
        except ValueError as fault:
            raise NoReply(OTHER_PROGRAM) from fault

    def listed(self, *keys: str) -> list[dict[str, Any]]:
        """The objects of a JSON list that all have these keys. Raises NoReply where it is anything else."""
        items = self.json
        if not (isinstance(items, list) and all(isinstance(item, dict) and item.keys() >= set(keys) for item in items)):
            raise NoReply(OTHER_PROGRAM)
        return items


class NoReply(Exception):
    """Nothing came back; says why, and holds no credential."""


def send_request(url: str, *, seconds: float, auth: str | None = None, body: bytes | None = None) -> Reply:
    """GET, or POST where there is a body of JSON; any status is a reply. `auth` is `user:password`, or a token."""
    try:
        request = urllib.request.Request(without_user(url), body)  # noqa: S310 (the user's own address)
        if body:
            request.add_header("Content-Type", "application/json")
        for name, value in authorization(auth or user_of(url)).items():
            request.add_unredirected_header(name, value)  # not sent to the target of a redirect
        return run_with_timeout(
            seconds, lambda: _reply(request, seconds)
        )  # the timeout of a socket is that of each byte
    except TimeoutError as fault:
        raise NoReply(f"no answer in {seconds:g} s") from fault
    except http.client.BadStatusLine as fault:
        raise NoReply("it hangs up, or does not speak HTTP") from fault
    except (OSError, http.client.HTTPException, ValueError) as fault:
        reason = getattr(fault, "reason", fault)
        raise NoReply(f"no answer in {seconds:g} s" if isinstance(reason, TimeoutError) else str(reason)) from fault


def _reply(request: urllib.request.Request, seconds: float) -> Reply:
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
            at = time.time()
            return Reply(answer.status, answer.read(MOST_BYTES), _date(answer.headers), at)
    except urllib.error.HTTPError as fault:
        with fault:
            at = time.time()
            return Reply(fault.code, fault.read(MOST_BYTES), _date(fault.headers), at)


def _date(headers: Message) -> float | None:
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp()
    except (TypeError, ValueError):  # it says none, or nothing that could be read
        return None


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
