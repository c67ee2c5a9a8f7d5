"""The collapse guard: generations of made rows must not feed on one another (Shumailov et al. 2024, "AI models collapse
when trained on recursively generated data"), nor crowd out the real ones.
"""

from __future__ import annotations

from policies.gates import Collapse
from tasks.gates.contract import Evidence, answer
from tasks.reports.document import CheckReport


def judge(evidence: Evidence, asked: Collapse) -> list[CheckReport]:
    """One answer per figure that has a target; none where the policy makes no rows."""
    if not evidence.policy.steps:
        return []
    return [one for one in _shares(evidence, asked) if one is not None]


def _shares(evidence: Evidence, asked: Collapse) -> list[CheckReport | None]:
    """How much of the training rows is real."""
    real, made = sum(evidence.real.values()), sum(evidence.made.values())
    share, each = real / (real + made), made / real
    least, most = asked.min_real_share, asked.max_synthetic_per_real
    return [
        None
        if least is None
        else answer("real_share", asked, share >= least, share, f">= {least:g}", "Real rows of the training rows."),
        None
        if most is None
        else answer("new_rows_per_real_row", asked, each <= most, each, f"<= {most:g}", "New rows per real one."),
    ]
