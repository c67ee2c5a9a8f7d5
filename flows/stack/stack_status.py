"""The status of a home's stack as one document: for each service, its supervisor's state and its own health."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from augmill.flows.config import stack_state
from augmill.flows.config.stack_state import ServiceState, StackState
from augmill.flows.servers.service import Health, Unhealthy, checked_health
from augmill.flows.settings import Settings
from augmill.flows.stack.services import metrics, mlflow, prefect, worker

TITLES = {module.NAME: module.TITLE for module in (prefect, mlflow, metrics, worker)}


def status(current: Settings) -> dict[str, Any]:
    """Every service with `healthy`; the stack is healthy if it runs and all of its services are."""
    document: dict[str, Any] = {"home": str(current.home), "logs": str(current.home / "logs")}
    stack = stack_state.running(current.home)
    if stack is None:
        return document | {"running": False, "healthy": False, "parts": []}
    with ThreadPoolExecutor(len(stack.services)) as pool:
        services = list(pool.map(partial(_service_document, current, stack), stack.services.values()))
    healthy = bool(services) and all(service["healthy"] for service in services)
    supervisor = {"pid": stack.supervisor.pid, "uptime_seconds": round(time.time() - stack.since, 1)}
    return document | {
        "running": True,
        "healthy": healthy,
        "host": stack.host,
        "supervisor": supervisor,
        "parts": services,
    }


def _service_document(current: Settings, stack: StackState, state: ServiceState) -> dict[str, Any]:
    age = time.time() - state.since if state.since else 0.0
    health = Health()
    reason = state.reason
    healthy = state.phase == "elsewhere" or (state.process is not None and state.process.alive)
    if healthy:
        try:
            health = checked_health(_health_of(current, stack, state), age)
        except Unhealthy as fault:
            healthy, reason = False, str(fault)
    return {
        "name": state.name,
        "title": TITLES.get(state.name, state.name),
        "phase": state.phase,
        "healthy": healthy,
        "address": state.address,
        "page": (state.address or "").removesuffix("/api") or None,
        "pid": state.process.pid if state.process else None,
        "uptime_seconds": round(age, 1) if state.since else None,
        "restarts": state.restarts,
        "version": health.version,
        "note": health.note,
        "reason": reason,
    }


def _health_of(current: Settings, stack: StackState, state: ServiceState) -> Callable[[float], Health]:
    if state.name == mlflow.NAME:
        return partial(mlflow.health, current.tracking_uri if state.phase == "elsewhere" else str(state.address))
    if state.name == metrics.NAME:
        return partial(metrics.health, str(state.address))
    server = stack.services[prefect.NAME]
    external_url = current.prefect_api_url if server.phase == "elsewhere" else None  # credentials and all
    api_url = external_url or str(server.address)
    if state.name == worker.NAME:
        return worker.health_check(current, api_url)
    return partial(prefect.health, api_url, current.prefect_auth)
