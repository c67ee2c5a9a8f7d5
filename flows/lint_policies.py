"""Lint policies with their suites, for the command and the health check: all findings, also of broken files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from augmill.policies.errors import Finding, PolicyError

PERSONAL = ("AUG601", "AUG602", "AUG603")

if TYPE_CHECKING:  # every command's --help would wait for them
    from augmill.policies.load import Loaded
    from augmill.tasks.transforms.catalogue import Catalogue


def findings_of(file: str, *, with_data: bool = False) -> list[Finding]:
    """Every finding of one policy and its suite, those that keep them from being read included."""
    from augmill.expectations.suite import load_suite
    from augmill.flows.settings import settings
    from augmill.policies.lint import lint
    from augmill.policies.load import load
    from augmill.tasks.transforms.catalogue import Catalogue

    catalogue = Catalogue(settings().plugins)
    findings: list[Finding] = []
    try:
        loaded = load(file, catalogue)
        findings += lint(loaded, catalogue)
        if with_data:
            findings = [finding for finding in findings if finding.rule not in PERSONAL] + _personal_findings(
                loaded, catalogue
            )
        if loaded.suite is not None:
            load_suite(os.path.relpath(loaded.suite), dict.fromkeys(catalogue.custom(), "row"))
    except PolicyError as fault:
        if not fault.findings:
            raise
        findings += fault.findings
    return findings


def _personal_findings(loaded: Loaded, catalogue: Catalogue) -> list[Finding]:
    """The findings of the rules on personal data from the first rows of the source; other rules need all rows."""
    from augmill.flows.settings import settings
    from augmill.policies.lint import lint
    from augmill.tasks.dry_runs.first_rows import facts_of_first_rows

    current = settings()
    facts = facts_of_first_rows(loaded.policy, loaded.path.parent, current.pii_key, current.data_roots)
    return [finding for finding in lint(loaded, catalogue, facts) if finding.rule in PERSONAL]
