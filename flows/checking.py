"""Ask every check at once, each in bounded time, and say what it found."""

from __future__ import annotations

import importlib
import pkgutil
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from augmill.flows import checks
from augmill.flows.asking import Reply
from augmill.flows.bounded import NAME
from augmill.flows.settings import Settings
from augmill.policies.errors import AugmillError, PolicyError

SECONDS = 5.0
"""How long a server may take to answer one question."""
PATIENCE_SECONDS = 30.0
"""How long a whole check may take, imports of heavy libraries on a busy machine among it."""
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


def examine(current: Settings) -> list[Answer]:
    """The answers of all checks, in the order of their names."""
    names = [module.name for module in pkgutil.iter_modules(checks.__path__, f"{checks.__name__}.")]
    found: dict[str, list[Answer]] = {}
    # Not a pool: a check that hangs in spite of all must not keep this command from ending.
    threads = [
        threading.Thread(target=_examine, args=(name, current, found), name=f"{NAME} {name}", daemon=True)
        for name in names
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [answer for name in names for answer in found.get(name, [_late(name)])]


def exit_code(answers: Iterable[Answer]) -> int:
    """0 if nothing fails, 2 if a setting is wrong, else 4."""
    kinds = {answer.kind for answer in answers if answer.status == "fail"}
    return 2 if "settings" in kinds else 4 if kinds else 0


def _examine(name: str, current: Settings, found: dict[str, list[Answer]]) -> None:
    from augmill.tasks.lineage.redact import redact_text

    title = name.rpartition(".")[2].replace("_", " ")
    answers: list[Answer] = []
    try:
        answers.extend(importlib.import_module(name).check(current))
    except AugmillError as fault:
        kind: Kind = "settings" if isinstance(fault, PolicyError) else "service"
        answers.append(fail(title, fault.cause, fault.remedy, kind))
    except Exception as fault:  # noqa: BLE001 (one check that breaks must not hide the others)
        answers.append(fail(title, f"{type(fault).__name__}: {fault}", "See whether what it names is there."))
    found[name] = [
        Answer(one.name, one.status, redact_text(one.found), redact_text(one.remedy), one.kind) for one in answers
    ]


def _late(name: str) -> Answer:
    title = name.rpartition(".")[2].replace("_", " ")
    return fail(title, f"no answer in {PATIENCE_SECONDS:g} s", "See whether it answers at all, then ask again.")
