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
from augmill.flows.telemetry.count_events import Counting, countable, event
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
MOST_TOLD = 300
COUNTED = ("run.", "channel.")
"""Kinds of happenings that change a figure; what follows from them is told of by itself."""

log = logging.getLogger(f"{LOGGER}.metrics")


def handle(happening: DatasetEvent, current: Settings) -> list[DatasetEvent]:
    """Count the happening, and export what is known of its dataset; returns the error budgets that it set burning."""
    if not (countable(happening.dataset) and happening.kind.startswith(COUNTED)):
        return []
    log_to(current)
    counting, told = Counting(current, happening.dataset), event(happening)
    counting.keep(told)
    tally, burns = _counted(counting, told)
    target = current.observing.metrics
    if target is not None:
        series = series_of(happening.dataset, tally, time.time())
        _quietly(
            f"metrics of {happening.dataset} were not exported", lambda: _export(target, happening.dataset, series)
        )
    return [burning(happening, burn) for burn in burns]


def _counted(counting: Counting, told: dict[str, Any]) -> tuple[Counters, list[Burn]]:
    """The tally from the lake and what began to burn, or the tally as far as this machine knows it."""
    counted: list[tuple[Counters, list[Burn]]] = []
    _quietly(
        f"{counting.dataset} could not be counted in the lake; it waits in the home",
        lambda: counted.append(run_with_timeout(PATIENCE_SECONDS, lambda: counting.count(time.time(), told))),
    )
    return counted[0] if counted else (counting.remembered(told), [])


def _quietly(what: str, call: Callable[[], object]) -> None:
    """Do it, or write one line why not."""
    try:
        call()
    except (AugmillError, OSError) as fault:
        cause = fault.cause if isinstance(fault, AugmillError) else _said(fault)
        log.warning("%s: %s", what, redact_text(cause)[:MOST_TOLD])


def _said(fault: OSError) -> str:
    if isinstance(fault, urllib.error.HTTPError):
        with fault:
            return f"HTTP {fault.code}: {fault.read(MOST_TOLD).decode(errors='replace').strip()}"
    return str(fault)


def _export(target: Path | PushGateway, dataset: str, series: list[Series]) -> None:
    if isinstance(target, Path):
        _write(target, dataset, series)
    else:
        _push(target, dataset, series)


def _write(folder: Path, dataset: str, series: list[Series]) -> None:
    """Write a textfile, whole or not at all; node_exporter reads only names that end in `.prom`."""
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
    """Replace the dataset's group on the gateway, so that series that are gone are gone there too."""
    from prometheus_client.exposition import basic_auth_handler, default_handler, push_to_gateway

    def handler(url: str, method: str, timeout: float | None, headers: Any, data: bytes) -> Callable[[], None]:
        if not gateway.user:
            return default_handler(url, method, timeout, headers, data)
        return basic_auth_handler(url, method, timeout, headers, data, gateway.user, gateway.password)

    def push() -> None:
        registry, group = registry_of(series), {"dataset": dataset}
        push_to_gateway(gateway.url, JOB, registry, group, ANSWER_SECONDS, handler)

    run_with_timeout(ANSWER_SECONDS, push)
