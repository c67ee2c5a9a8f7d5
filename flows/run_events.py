"""Tell everybody who wants to know what becomes of a run; nobody who listens can make it fail."""

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
    """Tell that a run has started, and that it failed if it does; call what this yields with its document."""
    dataset = dataset_of(policy)
    publish(DatasetEvent("run.started", dataset, run_id, time.time(), {"policy": str(policy)}))

    def ended(document: Document) -> Document:
        publish(ending(document, run_id, time.time()))
        return document

    with report_failures(policy, run_id):
        yield ended


@contextmanager
def report_failures(policy: Path, run_id: str) -> Iterator[None]:
    """Tell of whatever ends the block before its end, ctrl-C and cancellation among it, and let it pass."""
    try:
        yield
    except BaseException as fault:
        publish(DatasetEvent("run.failed", dataset_of(policy), run_id, time.time(), _in_words(fault)))
        raise


def _in_words(fault: BaseException) -> Document:
    """What is told of a fault. Prefect's signal to end says nothing itself; its kind says that the run was stopped."""
    exceptions = sys.modules.get("prefect.exceptions")  # nobody else can have raised it
    if exceptions is None or not isinstance(fault, exceptions.TerminationSignal):
        return failure(fault)
    cause = "the run was cancelled, or its worker is being shut down."
    words = StorageError(cause, "Run again when it may: finished work is kept.")
    return failure(words) | {"kind": type(fault).__name__}


def give_up(policy: Path, run_id: str, fault: StorageError) -> None:
    """Tell of a run whose process is about to be ended, because nothing else can end what it waits for."""
    say(str(fault), err=True)  # the last word of the process
    publish(DatasetEvent("run.failed", dataset_of(policy), run_id, time.time(), failure(fault)))


def publish(happening: DatasetEvent) -> None:
    """Tell every teller of it and of what follows from it. One that fails is named in the log file; the others and
    the run go on."""
    current = settings()
    log_to(current)
    found = [happening]
    for one in found:  # grows by what tellers say that follows
        for module in pkgutil.iter_modules(event_sinks.__path__, f"{event_sinks.__name__}."):
            try:
                found += importlib.import_module(module.name).handle(one, current) or ()
            except Exception:
                logging.getLogger(LOGGER).exception("%s was not told of %s", module.name, one.kind)


def tell_moved(kind: Kind, document: Document, by: str) -> None:
    """Tell that somebody has moved a channel, by the document of the command; not where it had pointed there before."""
    if document["version"] != document["version_before"]:
        publish(DatasetEvent(kind, document["dataset"], OUTSIDE, time.time(), {**document, "by": by}))


def tell_measured(document: Document, by: str) -> None:
    """Tell of what a measurement of a published version has done, by its document."""
    for one in measured(document, OUTSIDE, time.time(), by):
        publish(one)


def dataset_of(policy: Path) -> str:
    """The dataset that a policy names, or would name if it could be read: the stem of its file."""
    named = content_of(policy).get("dataset")
    return named if isinstance(named, str) else policy.stem
