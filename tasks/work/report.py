"""The validation report of a version: what its page shows, gathered from the objects of the run."""

from __future__ import annotations

from typing import Any

from tasks.work.outcome import Checked
from tasks.work.run import Run


def report(run: Run, checked: Checked, document: dict[str, Any]) -> bytes:
    """The page, self-contained."""
    from tasks.reports.validation import render

    return render(document, {}).encode()
