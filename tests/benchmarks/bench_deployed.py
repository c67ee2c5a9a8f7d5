"""Deployed runs: from the hour of a schedule to the start of the flow, and what orchestration costs a run."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from measuring import Line, home, line, output

from tests.end_to_end.helpers import NOISE, policy, table_rows, write_csv
from tests.fixtures_prefect import PrefectServer, started_prefect

ROWS, SMALL_ROWS = 1_000_000, 2_000
AHEAD_SECONDS = 20.0
# The same stages, once as plain functions up to the commit, once as a flow with its lineage, log, metrics and events.
PLAIN = """
import sys, time
from pathlib import Path
from augmill.flows.settings import one_thread_each, settings
one_thread_each()
from augmill.flows.preload import warm
from tests.end_to_end.helpers import go
warm(settings().tracking_uri)
began = time.perf_counter()
go(Path(sys.argv[1]), settings().lake)
print("SECONDS", time.perf_counter() - began)
"""
FLOW = """
import sys, time
from augmill.flows.settings import quiet_libraries, settings
quiet_libraries(settings())
from augmill.flows.servers.prefect_server import RunningServer
from augmill.flows.preload import warm
from augmill.flows.augment import augment
warm(settings().tracking_uri)
with RunningServer(settings().prefect_api_url).connected():
    began = time.perf_counter()
    augment(sys.argv[1], "thread")
    print("SECONDS", time.perf_counter() - began)
"""


def measure(*, small: bool) -> list[Line]:
    """A server and a worker with Prefect's own settings for production, as far as the waits go."""
    with tempfile.TemporaryDirectory(prefix="augmill-bench-") as name:
        folder = Path(name)
        (folder / "server").mkdir()
        with started_prefect(folder / "server") as server:
            late = _lateness(folder, server, tries=1 if small else 3)
            plain, flow = _costs(folder, server, SMALL_ROWS if small else ROWS)
    return [
        line("from scheduled time to flow start, warm worker", late, None, "< 10 s", late < 10.0),
        line("a run as a flow / its stages alone", flow, plain, "<= 1.11", flow <= plain / 0.9),
    ]


def _costs(folder: Path, server: PrefectServer, rows: int) -> tuple[float, float]:
    write_csv(folder / "data.csv", table_rows(0, rows))
    file = policy(folder, "data.csv", NOISE.replace("copies: 1", "copies: 4"))
    found = []
    for program, more in ((PLAIN, {}), (FLOW, {"PREFECT_API_URL": server.api_url})):
        with home(AUGMILL_WORKERS="2", **more) as environment:
            said = output(["-c", program, str(file)], environment)
        found.append(float(said.rpartition("SECONDS")[2]))
    return found[0], found[1]


def _lateness(folder: Path, server: PrefectServer, tries: int) -> float:
    """Seconds between the time that a run is for and its start; the worker has run one before."""
    write_csv(folder / "policies" / "data.csv", table_rows(0, 100))
    file = policy(folder / "policies", "data.csv", NOISE)
    with home(PREFECT_API_URL=server.api_url) as environment, _client(server) as client:
        output(["-m", "augmill.flows.cli", "deploy", str(file)], environment | {"AUGMILL_CHECKOUT": str(folder)})
        deployment = client.read_deployment_by_name("augment/made").id
        with server.worker(folder, AUGMILL_HOME=environment["AUGMILL_HOME"], PREFECT_WORKER_QUERY_SECONDS="10"):
            _run_at(client, deployment, datetime.now(UTC))
            soon = timedelta(seconds=AHEAD_SECONDS)
            return median(_run_at(client, deployment, datetime.now(UTC) + soon) for _ in range(tries))


def _run_at(client: Any, deployment: Any, when: datetime) -> float:
    from prefect.states import Scheduled

    made = client.create_flow_run_from_deployment(deployment, state=Scheduled(scheduled_time=when))
    while not (run := client.read_flow_run(made.id)).state.is_final():
        time.sleep(0.5)
    if not run.state.is_completed():
        raise RuntimeError(f"the run ended {run.state.name}: {run.state.message}")
    return (run.start_time - when).total_seconds()


@contextmanager
def _client(server: PrefectServer):
    from prefect import settings
    from prefect.client.orchestration import get_client

    with (
        settings.temporary_settings({settings.PREFECT_API_URL: server.api_url}),
        get_client(sync_client=True) as client,
    ):
        yield client
