"""Take the scope of a run along to its workers, and their spans and log lines back with what they made.

A worker sends nothing anywhere by itself: it may be killed at any moment, on a machine that reaches neither collector
nor log file. So its spans and lines travel with the outcome of the shard, and the flow reports a worker that died.
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from augmill.tasks.telemetry.log_record import LINE, Line, line_of
from augmill.tasks.telemetry.spans import Scope, Span, current, entered, span

ROOT = "augmill"
MOST_LINES = 100


def process_id() -> str:
    """An id of this process that is unique over machines."""
    return f"{platform.node()}:{os.getpid()}"


@dataclass(frozen=True)
class Carried:
    """A function and the scope of whoever asks for it; small and picklable if the function is."""

    function: Callable[[Any], Any]
    scope: Scope
    home: str

    def __call__(self, item: Any) -> Any:
        """Do what the function does."""
        return self.function(item)


@dataclass
class WorkerLog:
    """Spans and log lines that a worker returns for one shard."""

    spans: list[Span] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


_lines: ContextVar[list[Line] | None] = ContextVar("augmill_lines", default=None)


def carried(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function with this scope; as it is where there is none."""
    scope = current()
    if not scope.run_id:
        return function
    # A span is kept where it ends up; the trace id says to the worker whether to make one.
    return Carried(function, replace(scope, keep=None), process_id())


@contextmanager
def at_work(function: Callable[[Any], Any], shard: str, log: WorkerLog) -> Iterator[None]:
    """Run the block as a shard of the scope that came with the function; `log` is filled as it ends."""
    if not isinstance(function, Carried):
        yield
        return
    keep = log.spans.append if function.scope.trace_id else None
    where = {"host.name": platform.node(), "process.pid": os.getpid(), "augmill.shard": shard}
    name = f"{function.scope.stage} shard"
    scope, lines = replace(function.scope, keep=keep), _kept_lines(function.home, log.lines)
    with entered(scope), lines, span(name, where, shard=shard):
        yield


def receive(log: WorkerLog) -> None:
    """Forward what a worker returned: spans to the tracer, lines to the log."""
    keep = current().keep
    for span_record in log.spans:
        if keep is not None:
            keep(span_record)
    for line in log.lines:
        level = logging.getLevelNamesMapping().get(str(line["level"]).upper(), logging.INFO)
        logger = logging.getLogger(line["logger"])
        logger.handle(logger.makeRecord(logger.name, level, "", 0, line["message"], (), None, extra={LINE: line}))


@contextmanager
def _kept_lines(home: str, lines: list[Line]) -> Iterator[None]:
    """Keep log lines for the flow; in the flow's own process they reach its log by themselves."""
    if home == process_id():
        yield
        return
    logger = logging.getLogger(ROOT)
    if not any(isinstance(handler, _Keeper) for handler in logger.handlers):
        logger.addHandler(_Keeper())
        logger.setLevel(logging.INFO)
        logger.propagate = False
    token = _lines.set(lines)
    try:
        yield
    finally:
        _lines.reset(token)


class _Keeper(logging.Handler):
    """Keeps the lines of the shard that this thread is at, the first hundred of them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        lines = _lines.get()
        if lines is not None and len(lines) < MOST_LINES:
            lines.append(line_of(record))
