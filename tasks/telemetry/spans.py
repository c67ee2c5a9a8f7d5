"""Where in a run the code is, for log lines, and how long it was there, for traces: plain values that can travel.

A scope is set by the flow, narrowed by each stage and, on whatever worker, by each shard. A span is what a scope
leaves behind. Ids are those of W3C trace context; without a trace there are none, and no span is kept.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from augmill.policies.errors import AugmillError
from augmill.tasks.sanitize.redact import redact_text

MOST_SIGNS = 300
_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


@dataclass(frozen=True)
class Span:
    """Something that took time; times in nanoseconds since 1970, `error` is empty where it went well."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    error: str = ""


@dataclass(frozen=True)
class Scope:
    """Where the code is. `keep` takes finished spans; None where nobody traces."""

    run_id: str = ""
    dataset: str = ""
    stage: str = ""
    shard: str = ""
    trace_id: str = ""
    span_id: str = ""
    keep: Callable[[Span], None] | None = field(default=None, compare=False, repr=False)

    @property
    def traceparent(self) -> str:
        """The scope as the header of W3C trace context; empty without a trace."""
        return f"00-{self.trace_id}-{self.span_id}-01" if self.trace_id else ""

    def fields(self) -> dict[str, str]:
        """The fields of the scope for a log line, without empty ones."""
        names = ("run_id", "dataset", "stage", "shard", "trace_id", "span_id")
        return {name: value for name in names if (value := getattr(self, name))}


NOWHERE = Scope()
_scope: ContextVar[Scope] = ContextVar("augmill_scope", default=NOWHERE)


def current() -> Scope:
    """The scope that this code runs in; an empty one outside of a run."""
    return _scope.get()


@contextmanager
def entered(scope: Scope) -> Iterator[Scope]:
    """Run the block in a scope."""
    token = _scope.set(scope)
    try:
        yield scope
    finally:
        _scope.reset(token)


def parent_of(traceparent: str) -> tuple[str, str, bool] | None:
    """Trace id, span id and whether it is sampled, of a traceparent header; None for what is none."""
    match = _PARENT.fullmatch(traceparent.strip())
    if match is None or not int(match[1], 16) or not int(match[2], 16):
        return None
    return match[1], match[2], bool(int(match[3], 16) & 1)


@contextmanager
def span(
    name: str, attributes: dict[str, Any] | None = None, *, stage: str = "", shard: str = ""
) -> Iterator[dict[str, Any]]:
    """Run the block in a narrower scope and keep it as a span; the yielded dict becomes its attributes."""
    outer, span_attributes = current(), dict(attributes or {})
    inner = replace(outer, stage=stage or outer.stage, shard=shard or outer.shard)
    if outer.keep is None:
        with entered(inner):
            yield span_attributes
        return
    inner = replace(inner, span_id=secrets.token_hex(8))
    start, error = time.time_ns(), ""
    try:
        with entered(inner):
            yield span_attributes
    except BaseException as fault:
        error = summarize_error(fault)
        raise
    finally:
        outer.keep(
            Span(name, inner.trace_id, inner.span_id, outer.span_id, start, time.time_ns(), span_attributes, error)
        )


def summarize_error(fault: BaseException) -> str:
    """A fault in one short line without secrets."""
    text = fault.cause if isinstance(fault, AugmillError) else f"{type(fault).__name__}: {fault}"
    return redact_text((text.strip().splitlines() or [""])[0])[:MOST_SIGNS] or type(fault).__name__
