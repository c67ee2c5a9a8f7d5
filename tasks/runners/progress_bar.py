"""How far a stage is, on standard error: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from typing import Protocol, Self, TextIO

LINE_EVERY_SECONDS = 5.0

LOGGER = logging.getLogger("augmill.progress")
"""Takes the lines instead of standard error where somebody has set it to INFO."""


class Progress(Protocol):
    """A context manager, open while a stage runs."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *fault: object) -> None: ...

    def advance(self, amount: float = 1.0) -> None:
        """Report `amount` more units as done."""


def progress(stage: str, total: float, unit: str = "rows", stream: TextIO | None = None) -> Progress:
    """Follow a stage of `total` units; `stream` is standard error unless given."""
    out = stream or sys.stderr
    if LOGGER.isEnabledFor(logging.INFO):
        return Logged(stage, total, unit, out)
    return Bar(stage, total, unit, out) if out.isatty() else Lines(stage, total, unit, out)


class Lines:
    """A line every few seconds and one at the end: for logs, pipes and CI."""

    def __init__(self, stage: str, total: float, unit: str, stream: TextIO) -> None:
        self.stage, self.total, self.unit, self.stream = stage, total, unit, stream
        self.done = 0.0

    def __enter__(self) -> Self:
        self.start = self.last = time.monotonic()
        return self

    def advance(self, amount: float = 1.0) -> None:
        """Report `amount` more units; writes a line if the last one is old."""
        self.done += amount
        now = time.monotonic()
        if now - self.last >= LINE_EVERY_SECONDS:
            self.last = now
            rate = self.done / (now - self.start)
            self._write(f"{self.done:,.0f} of {self.total:,.0f} {self.unit}, {rate:,.0f}/s, {self._left(rate)} left")

    def __exit__(self, *fault: object) -> None:
        """Say what was done and how long it took."""
        self._write(f"{self.done:,.0f} {self.unit} in {time.monotonic() - self.start:.1f} s")

    def _left(self, rate: float) -> str:
        return f"{max(self.total - self.done, 0.0) / rate:,.0f} s" if rate > 0 else "?"

    def _write(self, text: str) -> None:
        self.stream.write(f"{self.stage}: {text}\n")
        self.stream.flush()


class Logged(Lines):
    """The same lines, to the log."""

    def _write(self, text: str) -> None:
        LOGGER.info("%s: %s", self.stage, text)


class Bar:
    """A live bar, drawn by rich."""

    def __init__(self, stage: str, total: float, unit: str, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

        self.bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<9}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} {task.fields[unit]} {task.fields[rate]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(file=stream),
        )
        self.task = self.bar.add_task(stage, total=total, unit=unit, rate="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *fault: object) -> None:
        """Leave the last picture of it on the screen."""
        self.bar.stop()

    def advance(self, amount: float = 1.0) -> None:
        """Report `amount` more units as done."""
        self.bar.advance(self.task, amount)
        elapsed = self.bar.tasks[self.task].elapsed or 0.0
        if elapsed > 0.0:
            self.bar.update(self.task, rate=f"{self.bar.tasks[self.task].completed / elapsed:,.0f}/s")
