"""Gates that a plan answers already, because it counted all rows: budgets and the share of real rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from augmill.policies.schema import Policy
from augmill.tasks.documents.report_document import CheckReport
from augmill.tasks.gates import budgets
from augmill.tasks.gates.gate_contract import Evidence, answer

CLOCKED = ("cpu_seconds_budget", "money_budget")
"""How fast this machine is says little of the one that will run it: these are told and condemn nothing."""


@dataclass(frozen=True)
class _Counts:
    """The part of the evidence that budgets ask for."""

    made: Mapping[tuple[str, str], int]
    made_bytes: int
    cpu_seconds: float


def forecast_gates(policy: Policy, plan: Mapping[str, Any]) -> list[CheckReport]:
    """The answers, from the figures of a plan; none where nothing would be made."""
    if not plan.get("files"):
        return []
    planned_counts = {
        (step["name"], label): count for step in plan["steps"] for label, count in step["planned"].items()
    }
    reports: list[CheckReport] = []
    if policy.gates.budgets is not None:
        counts = _Counts(planned_counts, plan["files"]["new_bytes"]["children"], sum(plan["cpu_seconds"].values()))
        reports += budgets.judge(cast(Evidence, counts), policy.gates.budgets)
    reports += _shares(policy, plan, sum(planned_counts.values()))
    return [{**report, "on_failure": "warn"} if report["name"] in CLOCKED else report for report in reports]


def _shares(policy: Policy, plan: Mapping[str, Any], planned_total: int) -> list[CheckReport]:
    """How much of the training rows will be real, before checks drop any that is made."""
    gate = policy.gates.collapse
    real = sum(plan["rows"]["after"].get("train", {}).get("real", {}).values())
    if gate is None or not real:
        return []
    least, most, reports = gate.min_real_share, gate.max_synthetic_per_real, []
    if least is not None:
        share = real / (real + planned_total)
        reports.append(answer("real_share", gate, share >= least, share, f">= {least:g}"))
    if most is not None:
        reports.append(
            answer("made_rows_per_real_row", gate, planned_total / real <= most, planned_total / real, f"<= {most:g}")
        )
    return reports
