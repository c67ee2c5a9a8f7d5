"""Judge policies before anything runs.

Reads no data unless asked: what needs a look at the data is judged by `augmill plan` and `augmill run` with the same
rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from augmill.flows.console import json_option, print_json, say
from augmill.flows.lint_policies import findings_of

if TYPE_CHECKING:
    pass


@click.command(name="lint")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("--explain", "code", metavar="CODE", help="Say what a rule finds, why, and how to mend it; then stop.")
@click.option("--data", "with_data", is_flag=True, help="Look at the first rows of the source for personal data, too.")
@json_option
def command(files: Sequence[str], code: str | None, with_data: bool, as_json: bool) -> None:
    """Judge policies before anything runs: one line per finding, exit code 2 on errors, 0 on warnings only.

    A finding is silenced on its line by a comment with the reason: `# noqa: AUG201 the arrows have no direction`.

    \b
    Examples:
      augmill lint policies/*.yaml
      augmill lint --explain AUG201
      augmill lint policies/customers.yaml --data
      augmill lint policies/digits.yaml --json
    """
    if code is not None:
        _explain(code, as_json)
        return
    if not files:
        raise click.UsageError("Name one policy file at least, or a rule with --explain.")
    findings = [finding for file in files for finding in findings_of(file, with_data=with_data)]
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        print_json(
            {
                "files": list(files),
                "errors": errors,
                "warnings": len(findings) - errors,
                "findings": [asdict(finding) for finding in findings],
            }
        )
    else:
        for finding in findings:
            say(str(finding))
        say(_summary(len(files), errors, len(findings) - errors), err=True)
    click.get_current_context().exit(2 if errors else 0)


def _explain(code: str, as_json: bool) -> None:
    from augmill.policies.lint import explain

    text = explain(code)
    if as_json:
        print_json({"code": code.upper(), "text": text})
    else:
        say(text)


def _summary(files: int, errors: int, warnings: int) -> str:
    policies = "1 policy" if files == 1 else f"{files} policies"
    if not errors + warnings:
        return f"{policies}, nothing to say."
    return f"{policies}: {errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}."
