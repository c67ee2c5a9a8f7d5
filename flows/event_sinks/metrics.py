"""Prometheus: count what happened in the lake, and write the dataset's series to a textfile or push them.

The count is always kept, for the exporter; the rest is done where AUGMILL_METRICS asks for it. All of it together
takes `PATIENCE_SECONDS` at most, whatever the lake or the gateway do.
"""

from __future__ import annotations

import logging
import os
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

from augmill.flows.config.observability_settings import PushGateway
from augmill.flows.settings import Settings
from augmill.flows.telemetry.count_events import EventCounter, countable, counted_event
from augmill.flows.telemetry.logs import LOGGER, log_to
from augmill.flows.timeouts import run_with_timeout
from augmill.policies.errors import AugmillError
from augmill.tasks.sanitize.redact import redact_text
from augmill.tasks.telemetry.budget import Burn
from augmill.tasks.telemetry.counters import Counters
from augmill.tasks.telemetry.dataset_event import DatasetEvent
from augmill.tasks.telemetry.derived_events import burning
from augmill.tasks.telemetry.exposition import registry_of, text_of
from augmill.tasks.telemetry.metric_catalogue import JOB
from augmill.tasks.telemetry.series import Series, series_of

PATIENCE_SECONDS = 10.0
ANSWER_SECONDS = 5.0
MOST_REASON_CHARS = 300
COUNTED = ("run.", "channel.")
"""Prefixes of the kinds of events that change a counter; derived events are published separately."""

log = logging.getLogger(f"{LOGGER}.metrics")


def handle(event: DatasetEvent, current: Settings) -> list[DatasetEvent]:
    """Count the event and export its dataset's series; returns an event for each error budget that begins to burn."""
    if not (countable(event.dataset) and event.kind.startswith(COUNTED)):
        return []
    log_to(current)
    counter, record = EventCounter(current, event.dataset), counted_event(event)
    counter.keep(record)
    counters, burns = _count(counter, record)
    target = current.observability.metrics
    if target is not None:
        series = series_of(event.dataset, counters, time.time())
        _log_failure(f"metrics of {event.dataset} were not exported", lambda: _export(target, event.dataset, series))
    return [burning(event, burn) for burn in burns]


def _count(counter: EventCounter, record: dict[str, Any]) -> tuple[Counters, list[Burn]]:
    """The counters from the lake and the budgets that began to burn; without the lake, the counters of this home."""
    counted: list[tuple[Counters, list[Burn]]] = []
    _log_failure(
        f"{counter.dataset} could not be counted in the lake; it waits in the home",
        lambda: counted.append(run_with_timeout(PATIENCE_SECONDS, lambda: counter.count(time.time(), record))),
    )
    return counted[0] if counted else (counter.local_counters(record), [])


def _log_failure(what: str, call: Callable[[], object]) -> None:
    """Call it; log a failure in one line."""
    try:
        call()
    except (AugmillError, OSError) as fault:
        cause = fault.cause if isinstance(fault, AugmillError) else _fault_text(fault)
        log.warning("%s: %s", what, redact_text(cause)[:MOST_REASON_CHARS])


def _fault_text(fault: OSError) -> str:
    if isinstance(fault, urllib.error.HTTPError):
        with fault:
            return f"HTTP {fault.code}: {fault.read(MOST_REASON_CHARS).decode(errors='replace').strip()}"
    return str(fault)


def _export(target: Path | PushGateway, dataset: str, series: list[Series]) -> None:
    if isinstance(target, Path):
        _write(target, dataset, series)
    else:
        _push(target, dataset, series)


def _write(folder: Path, dataset: str, series: list[Series]) -> None:
    """Write a textfile atomically; node_exporter reads only names that end in `.prom`."""
    file = folder / f"augmill-{dataset}.prom"
    beside = folder / f".augmill-{dataset}.{os.getpid()}"
    try:
        beside.write_bytes(text_of(series))
        beside.chmod(0o644)
        os.replace(beside, file)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _push(gateway: PushGateway, dataset: str, series: list[Series]) -> None:
    """Replace the dataset's group on the gateway, so that series that no longer exist are removed there too."""
    from prometheus_client.exposition import basic_auth_handler, default_handler, push_to_gateway

    def handler(url: str, method: str, timeout: float | None, headers: Any, data: bytes) -> Callable[[], None]:
        if not gateway.user:
            return default_handler(url, method, timeout, headers, data)
        return basic_auth_handler(url, method, timeout, headers, data, gateway.user, gateway.password)

    def push() -> None:
        registry, group = registry_of(series), {"dataset": dataset}
        push_to_gateway(gateway.url, JOB, registry, group, ANSWER_SECONDS, handler)

    run_with_timeout(ANSWER_SECONDS, push)
