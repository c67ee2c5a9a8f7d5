"""One thing that happened to a dataset and that subscribers may want to know of."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from augmill.policies.errors import AugmillError, DataError
from augmill.tasks.sanitize.redact import redact_all

Kind = Literal[
    "run.started",
    "run.published",
    "run.unchanged",
    "run.failed",
    "check.failed",
    "channel.promoted",
    "channel.rolled_back",
    "budget.burning",
]

OUTSIDE = "none"
"""The id of a run where there is none, or where it ended before its flow began; many have it."""


@dataclass(frozen=True)
class DatasetEvent:
    """What happened, to which dataset, in which run, when (Unix seconds), and what is known of it.

    `facts` are JSON-able and redacted: of `run.published` and `run.unchanged` the document of `augmill run --json`;
    of `run.failed` what `failure` says; of `channel.*` the document of `augmill promote --json` and `by`; of the others
    see `derived_events.py`.
    """

    kind: Kind
    dataset: str
    run_id: str
    at: float
    facts: Mapping[str, Any]


def ending(document: Mapping[str, Any], run_id: str, at: float) -> DatasetEvent:
    """A run that ended well, by its document."""
    kind: Kind = "run.unchanged" if document["skipped"] else "run.published"
    return DatasetEvent(kind, str(document["dataset"]), run_id, at, redact_all(dict(document)))


def failure(fault: BaseException) -> dict[str, Any]:
    """Kind, cause, remedy and exit code of a fault; the report of checks that failed; where it was, if a bug."""
    if not isinstance(fault, AugmillError):
        where = traceback.extract_tb(fault.__traceback__)[-1:]
        document: dict[str, Any] = redact_all(
            {
                "kind": type(fault).__name__,
                "cause": str(fault) or type(fault).__name__,
                "remedy": "",
                "exit_code": 130 if isinstance(fault, KeyboardInterrupt) else 1,
                "where": [f"{frame.name}:{frame.lineno}" for frame in where],
            }
        )
        return document
    facts = {"kind": type(fault).__name__, "cause": fault.cause, "remedy": fault.remedy, "exit_code": fault.exit_code}
    clean: dict[str, Any] = redact_all(facts | ({"report": fault.report} if isinstance(fault, DataError) else {}))
    return clean


def stopped(happening: DatasetEvent) -> bool:
    """Whether a person stopped the run: it raises no alert and uses no error budget."""
    return happening.kind == "run.failed" and happening.facts.get("kind") in _STOPPED


_STOPPED = ("KeyboardInterrupt", "SystemExit", "CancelledError", "CancelledRun", "TerminationSignal")
