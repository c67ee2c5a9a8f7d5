"""Series that only the exporter measures: services that answer, workers online, late runs, free disk space."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from augmill.flows.http_client import NoReply, send_request
from augmill.flows.settings import Settings
from augmill.flows.telemetry.count_events import build, tallies_of
from augmill.flows.timeouts import run_with_timeout
from augmill.policies.errors import AugmillError
from augmill.tasks.telemetry import counter_store
from augmill.tasks.telemetry.metric_catalogue import MOST_SIGNS
from augmill.tasks.telemetry.series import Series

ANSWER_SECONDS = 5.0
MOST_POOLS = 20
LATE = {"flow_runs": {"state": {"name": {"any_": ["Late"]}}}}


def component_series(current: Settings) -> list[Series]:
    """All probes in parallel, each within `ANSWER_SECONDS`; a component that is not configured has no series."""
    probes: list[Callable[[Settings], list[Series]]] = [_prefect, _mlflow, _lake, _disks]
    with ThreadPoolExecutor(len(probes)) as pool:
        series = [entry for answer in pool.map(lambda look: look(current), probes) for entry in answer]
    return [*series, Series("augmill_exporter_build_info", (build(),), 1.0)]


def _probe(component: str, request_health: Callable[[], object]) -> Series:
    try:
        run_with_timeout(ANSWER_SECONDS, request_health)
    except (AugmillError, NoReply, OSError):
        return Series("augmill_component_up", (component,), 0.0)
    return Series("augmill_component_up", (component,), 1.0)


def _prefect(current: Settings) -> list[Series]:
    if current.prefect_api_url is None:
        return []
    api = current.prefect_api_url.rstrip("/")
    up = _probe("prefect_server", lambda: _require_health(f"{api}/health", current.prefect_auth))
    series = [up]
    if up.value:
        with suppress(NoReply, OSError, ValueError, KeyError, TypeError):  # a server of another version
            series += run_with_timeout(ANSWER_SECONDS, lambda: list(_work_series(api, current.prefect_auth)))
    return series


def _work_series(api: str, auth: str | None) -> Iterator[Series]:
    late = _post(f"{api}/flow_runs/count", auth, LATE)
    pools = [str(pool["name"]) for pool in _post(f"{api}/work_pools/filter", auth, {})]
    yield Series("augmill_late_runs", (), float(late))
    for pool in sorted(pools)[:MOST_POOLS]:
        workers = _post(f"{api}/work_pools/{quote(pool, safe='')}/workers/filter", auth, {})
        online = sum(worker["status"] == "ONLINE" for worker in workers)
        yield Series("augmill_workers_online", (pool[:MOST_SIGNS],), float(online))


def _mlflow(current: Settings) -> list[Series]:
    if not current.tracking_uri.startswith(("http://", "https://")):
        return []
    return [_probe("mlflow", lambda: _require_health(f"{current.tracking_uri.rstrip('/')}/health", None))]


def _lake(current: Settings) -> list[Series]:
    return [_probe("lake", lambda: counter_store.tallied(tallies_of(current)))]


def _disks(current: Settings) -> list[Series]:
    folders = {"home": current.home} | ({} if "://" in current.lake else {"lake": Path(current.lake)})
    series = []
    for name, folder in folders.items():
        existing_folder = next((candidate for candidate in (folder, *folder.parents) if candidate.exists()), None)
        if existing_folder is not None:
            usage = shutil.disk_usage(existing_folder)
            series.append(Series("augmill_disk_free_bytes", (name,), float(usage.free)))
            series.append(Series("augmill_disk_size_bytes", (name,), float(usage.total)))
    return series


def _require_health(url: str, auth: str | None) -> None:
    reply = send_request(url, seconds=ANSWER_SECONDS, auth=auth)
    # A server that wants a password that we do not have is up all the same.
    if reply.status != 200 and reply.status not in (401, 403):
        raise NoReply(f"HTTP {reply.status}")


def _post(url: str, auth: str | None, body: dict[str, Any]) -> Any:
    reply = send_request(url, seconds=ANSWER_SECONDS, auth=auth, body=json.dumps(body).encode())
    if reply.status != 200:
        raise NoReply(f"HTTP {reply.status}")
    return json.loads(reply.body)
