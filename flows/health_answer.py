"""The answer of a health check: the subject works, or what is wrong with it and how to repair it."""

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
    """The answer on one subject: `detail`; on failure the remedy, and whether a setting or a service is wrong."""

    name: str
    status: Status
    detail: str
    remedy: str = ""
    kind: Kind = "service"

    def document(self) -> dict[str, str]:
        """The answer as `augmill doctor --json` prints it."""
        return {
            "name": self.name,
            "status": self.status,
            "found": self.detail,
            "remedy": self.remedy,
            "kind": self.kind,
        }


def ok(name: str, detail: str) -> Answer:
    """The subject works."""
    return Answer(name, "ok", detail)


def warn(name: str, detail: str, remedy: str) -> Answer:
    """The subject works now, and may fail later."""
    return Answer(name, "warn", detail, remedy)


def fail(name: str, detail: str, remedy: str, kind: Kind = "service") -> Answer:
    """The subject does not work."""
    return Answer(name, "fail", detail, remedy, kind)


def clock(name: str, reply: Reply) -> Iterable[Answer]:
    """Compare a server's clock with ours. Runs do not mind: rows hold no time, versions and leases go by one clock."""
    if reply.date is None:
        return
    skew = reply.date - reply.at
    difference = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours"
    if abs(skew) <= SKEW_SECONDS:
        yield ok(f"{name} clock", f"within {SKEW_SECONDS:g} s of ours")
    else:
        remedy = "Have both take their time from NTP. Schedules fire by its clock; S3 refuses us from 15 min on."
        yield warn(f"{name} clock", difference, remedy)


def fault_kind(reply: Reply) -> Kind:
    """What is at fault where a server answers with an error: the service, or the setting that names it."""
    return "service" if reply.status >= SERVER_FAULTS else "settings"


def check_reachable(name: str, host: str, port: int, remedy: str) -> Answer:
    """Whether a TCP connection to the address succeeds."""
    try:
        socket.create_connection((host, port), SECONDS).close()
    except OSError as fault:
        return fail(name, f"{host}:{port} cannot be reached: {fault}", remedy)
    return ok(name, f"{host}:{port} can be reached")
