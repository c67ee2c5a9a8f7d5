"""Publish the events of a run to all sinks; no sink can make the run fail."""

from __future__ import annotations

import importlib
import logging
import pkgutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from augmill.flows import event_sinks
from augmill.flows.console import say
from augmill.flows.settings import settings
from augmill.flows.telemetry.logs import LOGGER, log_to
from augmill.policies.errors import StorageError
from augmill.policies.yaml_source import content_of
from augmill.tasks.telemetry.dataset_event import OUTSIDE, DatasetEvent, Kind, ending, failure
from augmill.tasks.telemetry.derived_events import measured

Document = dict[str, Any]


@contextmanager
def run_events(policy: Path, run_id: str) -> Iterator[Callable[[Document], Document]]:
    """Publish that a run started, and that it failed if it does; yields a function to call with its document."""
    dataset = dataset_of(policy)
    publish(DatasetEvent("run.started", dataset, run_id, time.time(), {"policy": str(policy)}))

    def ended(document: Document) -> Document:
        publish(ending(document, run_id, time.time()))
        return document

    with report_failures(policy, run_id):
        yield ended


@contextmanager
def report_failures(policy: Path, run_id: str) -> Iterator[None]:
    """Publish any exception that ends the block, ctrl-C and cancellation included, and raise it again."""
    try:
        yield
    except BaseException as fault:
        publish(DatasetEvent("run.failed", dataset_of(policy), run_id, time.time(), _failure_facts(fault)))
        raise


def _failure_facts(fault: BaseException) -> Document:
    """The facts of a failure event. Prefect's termination signal has no message: it means the run was stopped."""
    exceptions = sys.modules.get("prefect.exceptions")  # without Prefect imported, nothing can have raised it
    if exceptions is None or not isinstance(fault, exceptions.TerminationSignal):
        return failure(fault)
    cause = "the run was cancelled, or its worker is being shut down."
    words = StorageError(cause, "Run again when it may: finished work is kept.")
    return failure(words) | {"kind": type(fault).__name__}


def give_up(policy: Path, run_id: str, fault: StorageError) -> None:
    """Publish the failure of a run whose process is about to be ended, because its stage hangs."""
    say(str(fault), err=True)  # the last word of the process
    publish(DatasetEvent("run.failed", dataset_of(policy), run_id, time.time(), failure(fault)))


def publish(event: DatasetEvent) -> None:
    """Pass an event, and the events derived from it, to every sink. A sink that fails is named in the log file; the
    others and the run go on."""
    current = settings()
    log_to(current)
    events = [event]
    for queued in events:  # grows by the events that sinks derive
        for module in pkgutil.iter_modules(event_sinks.__path__, f"{event_sinks.__name__}."):
            try:
                events += importlib.import_module(module.name).handle(queued, current) or ()
            except Exception:
                logging.getLogger(LOGGER).exception("%s was not told of %s", module.name, queued.kind)


def publish_channel_move(kind: Kind, document: Document, by: str) -> None:
    """Publish a channel move from the document of the command; nothing if the channel was there already."""
    if document["version"] != document["version_before"]:
        publish(DatasetEvent(kind, document["dataset"], OUTSIDE, time.time(), {**document, "by": by}))


def publish_measurement(document: Document, by: str) -> None:
    """Publish what a measurement of a published version caused, from its document."""
    for event in measured(document, OUTSIDE, time.time(), by):
        publish(event)


def dataset_of(policy: Path) -> str:
    """The dataset that a policy names, or would name if it could be read: the stem of its file."""
    dataset = content_of(policy).get("dataset")
    return dataset if isinstance(dataset, str) else policy.stem
