"""Budgets: what a version may cost, in rows, bytes, CPU seconds and money.

Rows and bytes are those of new rows that will be published. CPU seconds and money depend on how fast the run was:
they are told, and can end the run, but are no figures of the version.
"""

from __future__ import annotations

from augmill.policies.gates import Budgets
from augmill.tasks.documents.report_document import CheckReport
from augmill.tasks.gates.gate_contract import Evidence, answer

BYTES_PER_GB = 10**9
SECONDS_PER_HOUR = 3600.0


def judge(evidence: Evidence, asked: Budgets) -> list[CheckReport]:
    """One answer per budget that is set."""
    rows, size, cpu = sum(evidence.made.values()), evidence.made_bytes, evidence.cpu_seconds
    found = [
        _within("rows_budget", asked, rows, asked.max_rows, "New rows."),
        _within("bytes_budget", asked, size, asked.max_bytes, "Bytes of the new rows' files."),
        _clocked(_within("cpu_seconds_budget", asked, cpu, asked.max_cpu_seconds, "CPU seconds up to here.")),
        _clocked(_within("money_budget", asked, money(asked, cpu, size), asked.max_money, f"In {asked.currency}.")),
    ]
    return [one for one in found if one is not None]


def money(asked: Budgets, cpu_seconds: float, size: int) -> float:
    """What so much work and so many bytes cost at the policy's prices."""
    work = cpu_seconds / SECONDS_PER_HOUR * (asked.price_per_cpu_hour or 0.0)
    return work + size / BYTES_PER_GB * (asked.price_per_gb or 0.0)


def _within(name: str, asked: Budgets, spent: float, most: float | None, words: str) -> CheckReport | None:
    if most is None:
        return None
    return answer(name, asked, spent <= most, spent, f"<= {most:,}", words)


def _clocked(told: CheckReport | None) -> CheckReport | None:
    return None if told is None else {**told, "clocked": True}
