"""Budgets: what a version may cost, in rows, bytes, CPU seconds and money.

Rows and bytes are those of new rows that will be published. CPU seconds and money depend on how fast the run was:
they are reported and can end the run, but they do not describe the version.
"""

from __future__ import annotations

from augmill.policies.gates import Budgets
from augmill.tasks.documents.report_document import CheckReport
from augmill.tasks.gates.gate_contract import Evidence, answer

BYTES_PER_GB = 10**9
SECONDS_PER_HOUR = 3600.0


def judge(evidence: Evidence, gate: Budgets) -> list[CheckReport]:
    """One report per budget that is set."""
    rows, size, cpu = sum(evidence.made.values()), evidence.made_bytes, evidence.cpu_seconds
    reports = [
        _within("rows_budget", gate, rows, gate.max_rows, "New rows."),
        _within("bytes_budget", gate, size, gate.max_bytes, "Bytes of the new rows' files."),
        _run_dependent(_within("cpu_seconds_budget", gate, cpu, gate.max_cpu_seconds, "CPU seconds up to here.")),
        _run_dependent(_within("money_budget", gate, money(gate, cpu, size), gate.max_money, f"In {gate.currency}.")),
    ]
    return [report for report in reports if report is not None]


def money(gate: Budgets, cpu_seconds: float, size: int) -> float:
    """The cost of this CPU time and of `size` bytes at the policy's prices."""
    work = cpu_seconds / SECONDS_PER_HOUR * (gate.price_per_cpu_hour or 0.0)
    return work + size / BYTES_PER_GB * (gate.price_per_gb or 0.0)


def _within(name: str, gate: Budgets, spent: float, limit: float | None, words: str) -> CheckReport | None:
    if limit is None:
        return None
    return answer(name, gate, spent <= limit, spent, f"<= {limit:,}", words)


def _run_dependent(report: CheckReport | None) -> CheckReport | None:
    return None if report is None else {**report, "clocked": True}
