"""Whether plug-ins load, and the policies of this folder pass lint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from augmill.flows.health_answer import Answer, fail, ok, warn
from augmill.flows.settings import Settings

FOLDER = Path("policies")


def check(current: Settings) -> Iterator[Answer]:
    """Names every file that lint refuses."""
    from augmill.flows.lint_policies import findings_of
    from augmill.tasks.transforms.catalogue import Catalogue

    catalogue = Catalogue(current.plugins)
    yield ok("plug-ins", f"{len(catalogue.names())} transforms, {len(catalogue.custom())} expectations of yours")
    files = sorted(str(file) for file in FOLDER.glob("*.yaml"))
    findings = [finding for file in files for finding in findings_of(file)]
    errors = sorted({finding.file for finding in findings if finding.severity == "error"})
    if errors:
        yield fail("policies", f"lint refuses {', '.join(errors)}", f"augmill lint {' '.join(errors)}", "settings")
    elif findings:
        yield warn("policies", f"{len(findings)} warnings in {len(files)} files", "augmill lint policies/*.yaml")
    elif files:
        yield ok("policies", f"{len(files)} pass lint")
    else:
        yield ok("policies", f"there is no folder {FOLDER} here")
