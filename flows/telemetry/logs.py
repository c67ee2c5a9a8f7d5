"""Where log lines go: JSON lines in a file of the home, and to standard error where AUGMILL_LOG_FORMAT asks for them.

The file never grows beyond `MOST_BYTES` by much: it is put aside, and of those put aside the last few are kept. Several
processes may write to one file. A line that cannot be written is lost; it never ends a run or shows at a terminal.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path

from augmill.flows.config.observability_settings import LogFormat
from augmill.flows.settings import Settings, make_folder
from augmill.policies.errors import StorageError
from augmill.tasks.runners.progress_bar import LOGGER as PROGRESS
from augmill.tasks.sanitize.control_characters import escape_controls
from augmill.tasks.telemetry.log_record import as_json, as_text, line_of

LOGGER = "augmill"
FILE = "augmill.log"
MOST_BYTES = 10_000_000
KEPT = 3


class JsonFileHandler(logging.Handler):
    """Appends each record as one JSON line, in one write, so that lines of several processes do not mix."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def emit(self, record: logging.LogRecord) -> None:
        """Append a line; on a full disk or in a deleted folder the line is lost."""
        with suppress(OSError):
            data = f"{as_json(line_of(record))}\n".encode(errors="replace")
            descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(descriptor, data)
                size = os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)
            if size > MOST_BYTES:
                _rotate(self.file)


class StderrHandler(logging.Handler):
    """Writes each record to standard error, as it is at that moment."""

    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self.form = form

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; it is lost if standard error is closed."""
        line = line_of(record)
        with suppress(OSError, ValueError):
            sys.stderr.write(escape_controls(as_json(line) if self.form == "json" else as_text(line)) + "\n")
            sys.stderr.flush()


def log_to(current: Settings) -> None:
    """Send the log of runs and workers to the log file, which is created when first needed; and, with progress, to
    standard error where the settings ask for it."""
    home, form = current.home, current.observability.log_format
    logger = logging.getLogger(LOGGER)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    files = [handler.file for handler in logger.handlers if isinstance(handler, JsonFileHandler)]
    forms = [handler.form for handler in logger.handlers if isinstance(handler, StderrHandler)]
    if files == [home / FILE] and forms == ([form] if form else []):
        return
    for handler in [handler for handler in logger.handlers if isinstance(handler, JsonFileHandler | StderrHandler)]:
        logger.removeHandler(handler)  # of another home: one process may have had several
    with suppress(StorageError):
        make_folder(home)
    logger.addHandler(JsonFileHandler(home / FILE))
    if form:
        logger.addHandler(StderrHandler(form))
    PROGRESS.setLevel(logging.INFO if form else logging.WARNING)


def _rotate(file: Path) -> None:
    """Rotate the file, unless another process has just done so."""
    with open(file.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if file.stat().st_size <= MOST_BYTES:
            return
        for number in range(KEPT - 1, 0, -1):
            with suppress(FileNotFoundError):
                os.replace(_numbered(file, number), _numbered(file, number + 1))
        os.replace(file, _numbered(file, 1))


def _numbered(file: Path, number: int) -> Path:
    return file.with_name(f"{file.name}.{number}")
