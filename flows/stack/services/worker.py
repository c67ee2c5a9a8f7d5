"""The worker: takes scheduled runs out of the work pool and runs each in a process of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import platform
import signal
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from importlib.metadata import version
from urllib.parse import quote

from augmill.flows.config.process_identity import variable_values
from augmill.flows.http_client import NoReply, Reply, send_request
from augmill.flows.servers.service import HEALTH_SECONDS, Health, Service, Unhealthy, launch_child
from augmill.flows.settings import Settings, child_environment, settings

NAME, TITLE = "worker", "Worker"
HEARTBEAT_SECONDS, MISSED = 10, 3
START_SECONDS = 120.0  # of the server, which may start when we do
RUN_ID = "PREFECT__FLOW_RUN_ID"
"""By this variable the process of a run is known."""
# So that runs start on time, and a cancelled one stops at once. What the user has set stays.
WORKER_VARIABLES = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_WORKER_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS)}


def service(current: Settings, api_url: str, *, alone: bool) -> Service:
    """A worker of our own for the pool of the settings, at a Prefect server; `alone` where no other can reach it."""
    name = name_of(current)
    environment = {
        "PREFECT_HOME": str(current.home / "prefect"),
        "PREFECT_API_URL": api_url,
        "AUGMILL_HOME": str(current.home),
    }
    environment |= {name: value for name, value in WORKER_VARIABLES.items() if name not in child_environment()}
    launch = launch_child(f"{__name__}:serve", [current.work_pool, name, *(["alone"] if alone else [])], environment)
    return Service(NAME, TITLE, None, launch, health_check(current, api_url))


def health_check(current: Settings, api_url: str) -> Callable[[float], Health]:
    """The health check for the worker of this home."""
    return partial(health, api_url, current.prefect_auth, current.work_pool, name_of(current))


def name_of(current: Settings) -> str:
    """The name of the worker: the same at every start, and different for every home."""
    return f"augmill-{platform.node()}-{hashlib.sha256(str(current.home).encode()).hexdigest()[:8]}"


def serve(arguments: Sequence[str]) -> None:
    """Work until SIGTERM, in a process of its own."""
    import logging

    from prefect.logging.configuration import setup_logging
    from prefect.settings import PREFECT_WORKER_HEARTBEAT_SECONDS
    from prefect.workers.process import ProcessWorker

    setup_logging()
    logging.getLogger("prefect").setLevel(logging.INFO)  # here alone: a level in the environment is that of runs too
    pool, name, *alone = arguments
    if alone:
        mark_lost_runs_crashed(settings(), pool)
    worker = ProcessWorker(pool, name=name, heartbeat_interval_seconds=int(PREFECT_WORKER_HEARTBEAT_SECONDS.value()))
    with suppress(asyncio.CancelledError):
        asyncio.run(_run_until_terminated(worker.start()))


async def _run_until_terminated(work: Coroutine[None, None, None]) -> None:
    """Cancel the work on SIGTERM, so that the worker ends its runs and reports it."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


def health(api_url: str, auth: str | None, pool: str, name: str, age: float) -> Health:
    """Whether the server got a recent heartbeat of this process, by the server's own clock."""
    place = f"{api_url}/work_pools/{quote(pool, safe='')}/workers/filter"
    try:
        reply = send_request(place, seconds=HEALTH_SECONDS, auth=auth, body=b"{}")
    except NoReply as fault:
        raise Unhealthy(f"the Prefect server does not say: {fault}") from fault
    if reply.status == 404:
        raise Unhealthy(f"there is no work pool {pool} yet")
    if reply.status != 200:
        raise Unhealthy(f"the Prefect server does not say: HTTP {reply.status}")
    for worker in reply.listed("name", "last_heartbeat_time", "heartbeat_interval_seconds"):
        silent = _seconds_since(worker["last_heartbeat_time"], reply)
        if worker["name"] == name and silent < age:
            if silent > MISSED * (worker["heartbeat_interval_seconds"] or HEARTBEAT_SECONDS):
                raise Unhealthy(f"the Prefect server has not heard of it for {silent:.0f} s")
            return Health(version("prefect"), f"pool {pool}")
    raise Unhealthy("the Prefect server has not heard of it yet")


def mark_lost_runs_crashed(current: Settings, pool: str) -> None:
    """Mark runs of a pool without a process here as crashed: they would block the next runs of their datasets."""
    api_url = str(current.prefect_api_url)
    state_filter = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}
    body = json.dumps({"flow_runs": state_filter, "work_pools": {"name": {"any_": [pool]}}}).encode()
    with suppress(NoReply):
        reply = send_request(f"{api_url}/flow_runs/filter", seconds=START_SECONDS, auth=current.prefect_auth, body=body)
        under_way = {run["id"] for run in reply.listed("id")} if reply.status == 200 else set()
        mark_crashed(under_way - set(variable_values(RUN_ID)), api_url, current.prefect_auth)


def mark_crashed(runs: Iterable[str], api_url: str, auth: str | None) -> None:
    """Set runs whose processes were ended to crashed; otherwise they would count as running for ever."""
    state = {"type": "CRASHED", "message": "Its worker was stopped. What it finished is kept: run it again."}
    for run in runs:
        with suppress(NoReply):
            body = json.dumps({"state": state, "force": True}).encode()
            send_request(
                f"{api_url}/flow_runs/{quote(run, safe='')}/set_state", seconds=HEALTH_SECONDS, auth=auth, body=body
            )


def _seconds_since(heartbeat: str, reply: Reply) -> float:
    now = reply.at if reply.date is None else reply.date
    return now - datetime.fromisoformat(heartbeat).timestamp()
