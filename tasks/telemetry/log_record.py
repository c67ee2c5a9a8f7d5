"""One log line as JSON: always the same keys, every string redacted, nothing longer than a screen or two."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

from augmill.tasks.sanitize.redact import redact_all, redact_text
from augmill.tasks.telemetry.spans import current

MOST_SIGNS = 8_000
FACTS, LINE = "facts", "line"
"""Attributes of a record: values logged beside the message; a complete line from a worker."""

Line = dict[str, Any]


def line_of(record: logging.LogRecord) -> Line:
    """`time` (UTC), `level`, `logger`, `message`; `run_id`, `dataset`, `stage`, `shard`, `trace_id`, `span_id` where
    they are known; `process`; `facts` where there are any; `error`, the traceback of an exception."""
    worker_line = getattr(record, LINE, None)
    if worker_line is not None:
        return dict(worker_line)
    line = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": _cut(redact_text(record.getMessage())),
        **current().fields(),
        "process": record.process,
    }
    if facts := getattr(record, FACTS, None):
        line[FACTS] = redact_all(facts)
    if record.exc_info and record.exc_info[1] is not None:
        line["error"] = _cut(redact_text("".join(traceback.format_exception(record.exc_info[1]))), tail=True)
    return line


def as_json(line: Line) -> str:
    """The line without a line break in it."""
    return json.dumps(line, ensure_ascii=False, default=str)


def as_text(line: Line) -> str:
    """The line for a person: time, level, where, message, whose further lines cannot be taken for lines of the log."""
    where = " ".join(str(line[key]) for key in ("dataset", "stage", "shard") if key in line)
    facts = " ".join(f"{key}={value}" for key, value in line.get(FACTS, {}).items())
    message = line["message"].replace("\n", "\n  ")
    parts = (line["time"], line["level"].upper(), f"[{where}]" if where else "", message, facts)
    return " ".join(part for part in parts if part) + (f"\n{line['error']}" if "error" in line else "")


def _cut(text: str, tail: bool = False) -> str:
    if len(text) <= MOST_SIGNS:
        return text
    return f"... {text[-MOST_SIGNS:]}" if tail else f"{text[:MOST_SIGNS]} ..."
