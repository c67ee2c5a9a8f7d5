"""What a health check answers: that a thing is well, or what is wrong with it and how to mend it."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from augmill.flows.http_client import Reply

SECONDS = 5.0
"""How long a server may take to answer one question."""
SKEW_SECONDS = 5.0
SERVER_FAULTS = 500
Status = Literal["ok", "warn", "fail"]
Kind = Literal["settings", "service"]


@dataclass(frozen=True)
class Answer:
    """What was found of one thing; where it is not well, what to do, and whether a setting or something else is it."""

    name: str
    status: Status
    found: str
    remedy: str = ""
    kind: Kind = "service"


def ok(name: str, found: str) -> Answer:
    """It is as it should be."""
    return Answer(name, "ok", found)


def warn(name: str, found: str, remedy: str) -> Answer:
    """It works, and will not always."""
    return Answer(name, "warn", found, remedy)


def fail(name: str, found: str, remedy: str, kind: Kind = "service") -> Answer:
    """It does not work."""
    return Answer(name, "fail", found, remedy, kind)


def clock(name: str, reply: Reply) -> Iterable[Answer]:
    """Compare a server's clock with ours. Runs do not mind: rows hold no time, versions and leases go by one clock."""
    if reply.date is None:
        return
    skew = reply.date - reply.at
    shown = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours"
    if abs(skew) <= SKEW_SECONDS:
        yield ok(f"{name} clock", f"within {SKEW_SECONDS:g} s of ours")
    else:
        remedy = "Have both take their time from NTP. Schedules fire by its clock; S3 refuses us from 15 min on."
        yield warn(f"{name} clock", shown, remedy)


def at_fault(reply: Reply) -> Kind:
    """Who is to be mended where a server does not say what it should: itself, or the setting that names it."""
    return "service" if reply.status >= SERVER_FAULTS else "settings"


def reached(name: str, host: str, port: int, remedy: str) -> Answer:
    """Whether somebody listens there."""
    try:
        socket.create_connection((host, port), SECONDS).close()
    except OSError as fault:
        return fail(name, f"{host}:{port} cannot be reached: {fault}", remedy)
    return ok(name, f"{host}:{port} can be reached")
