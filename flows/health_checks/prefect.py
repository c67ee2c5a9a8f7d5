"""Whether the Prefect server answers, accepts our credentials, has our version, and a worker for our pool."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from urllib.parse import quote

from augmill.flows.health_answer import SECONDS, Answer, clock, fail, fault_kind, ok, warn
from augmill.flows.http_client import NoReply, Reply, send_request, without_user
from augmill.flows.settings import Settings

OWN = "Start it, correct PREFECT_API_URL, or unset it: runs then start a server of their own."


def check(current: Settings) -> Iterator[Answer]:
    """No request where no server is named: each run starts a server of its own."""
    url = (current.prefect_api_url or "").rstrip("/")
    if not url:
        yield ok("Prefect", "none is named: each run starts one of its own. `augmill up` keeps one running.")
        return
    try:
        health = send_request(f"{url}/health", seconds=SECONDS)
        version_reply = send_request(f"{url}/admin/version", seconds=SECONDS, auth=current.prefect_auth)
        server_version = str(version_reply.json) if version_reply.status == 200 else None
        pool = f"{url}/work_pools/{quote(current.work_pool, safe='')}/workers/filter"
        workers = _workers(
            current.work_pool, send_request(pool, seconds=SECONDS, auth=current.prefect_auth, body=b"{}")
        )
    except NoReply as fault:
        yield fail("Prefect", f"the server at {without_user(url)} does not answer: {fault}", OWN)
        return
    if health.status != 200:
        yield fail("Prefect", f"{without_user(url)}: HTTP {health.status} to /health", OWN, fault_kind(health))
        return
    yield ok("Prefect", f"the server at {without_user(url)} answers")
    yield from clock("Prefect", health)
    if version_reply.status in (401, 403):
        remedy = "Set PREFECT_API_AUTH_STRING=USER:PASSWORD as its PREFECT_SERVER_API_AUTH_STRING says."
        yield fail("Prefect credentials", f"HTTP {version_reply.status}: it does not let us in", remedy, "settings")
        return
    if server_version is not None:
        yield _version(server_version)
    yield workers


def _version(server_version: str) -> Answer:
    client_version = version("prefect")
    if server_version.split(".", maxsplit=1)[0] != client_version.split(".")[0]:
        remedy = f"Use a server {client_version.split('.')[0]}.x: runs refuse this one."
        return fail("Prefect version", f"the server is {server_version}, our client {client_version}", remedy)
    if _numbers(server_version) < _numbers(client_version):
        remedy = f"Bring the server to {client_version} or later: a newer client may ask for what it does not know."
        return warn("Prefect version", f"the server is {server_version}, our client {client_version}", remedy)
    return ok("Prefect version", server_version)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")[:3] if part.isdecimal()]


def _workers(pool: str, reply: Reply) -> Answer:
    start = f"`augmill up`, or `prefect worker start --pool {pool} --type process` where runs shall be."
    if reply.status == 404:
        return warn("work pool", f"the server knows no work pool {pool}", f"`augmill deploy` makes it; so does {start}")
    if reply.status != 200:
        return fail("work pool", f"HTTP {reply.status} to a question for {pool}", "See the server's log.")
    online = [worker["name"] for worker in reply.listed("name", "status") if worker["status"] == "ONLINE"]
    if not online:
        return warn(
            "worker", f"none is online in the work pool {pool}: scheduled runs would wait", f"Start one: {start}"
        )
    return ok("worker", f"{len(online)} online in the work pool {pool}: {', '.join(online[:3])}")
