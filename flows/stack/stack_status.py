"""How the stack of a home is, as one document: what its supervisor says of each part, and what the part itself says."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from augmill.flows.config import stack_state
from augmill.flows.config.stack_state import PartState, StackState
from augmill.flows.servers.service import Health, NotWell, answer_of
from augmill.flows.settings import Settings
from augmill.flows.stack.services import metrics, mlflow, prefect, worker

TITLES = {one.NAME: one.TITLE for one in (prefect, mlflow, metrics, worker)}


def status(current: Settings) -> dict[str, Any]:
    """Every part with `healthy`; the whole is healthy if it runs and all of its parts are."""
    document: dict[str, Any] = {"home": str(current.home), "logs": str(current.home / "logs")}
    stack = stack_state.running(current.home)
    if stack is None:
        return document | {"running": False, "healthy": False, "parts": []}
    with ThreadPoolExecutor(len(stack.parts)) as pool:
        parts = list(pool.map(partial(_part, current, stack), stack.parts.values()))
    healthy = bool(parts) and all(part["healthy"] for part in parts)
    supervisor = {"pid": stack.supervisor.pid, "uptime_seconds": round(time.time() - stack.since, 1)}
    return document | {
        "running": True,
        "healthy": healthy,
        "host": stack.host,
        "supervisor": supervisor,
        "parts": parts,
    }


def _part(current: Settings, stack: StackState, said: PartState) -> dict[str, Any]:
    age = time.time() - said.since if said.since else 0.0
    found = Health()
    reason = said.reason
    healthy = said.phase == "elsewhere" or (said.process is not None and said.process.alive)
    if healthy:
        try:
            found = answer_of(_health_of(current, stack, said), age)
        except NotWell as fault:
            healthy, reason = False, str(fault)
    return {
        "name": said.name,
        "title": TITLES.get(said.name, said.name),
        "phase": said.phase,
        "healthy": healthy,
        "address": said.address,
        "page": (said.address or "").removesuffix("/api") or None,
        "pid": said.process.pid if said.process else None,
        "uptime_seconds": round(age, 1) if said.since else None,
        "restarts": said.restarts,
        "version": found.version,
        "note": found.note,
        "reason": reason,
    }


def _health_of(current: Settings, stack: StackState, said: PartState) -> Callable[[float], Health]:
    if said.name == mlflow.NAME:
        return partial(mlflow.health, current.tracking_uri if said.phase == "elsewhere" else str(said.address))
    if said.name == metrics.NAME:
        return partial(metrics.health, str(said.address))
    server = stack.parts[prefect.NAME]
    theirs = current.prefect_api_url if server.phase == "elsewhere" else None  # credentials and all
    api_url = theirs or str(server.address)
    if said.name == worker.NAME:
        return worker.look(current, api_url)
    return partial(prefect.health, api_url, current.prefect_auth)
