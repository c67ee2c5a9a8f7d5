"""Whether a check that fails on a sample would fail on all rows, or may do so by chance."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from augmill.expectations.judge import NOTHING_JUDGED
from augmill.tasks.stages.verdicts import TOO_FEW
from augmill.tasks.stats.intervals import Interval, wilson

Doubt = str | None
"""Why a failed check is no failure of the policy; None where it is one, or where nothing failed."""

SHARES = {
    "label_consistency_rate",
    "drop_share",
    "unfamiliar_share",
    "copy_share",
    "near_copy_share",
    "out_of_range_share",
    "coverage",
    "max_near_copy_share",
}
CERTAIN = {"structural", "custom"}
"""Layers that judge row by row: one wrong row is one too many, however few were looked at."""
EXACT = {"generations", "made_rows_learned_from", "column_types_of_real_data"}
_TARGET = re.compile(r"([<>])=? ?(-?[0-9][0-9_,.e+-]*)")


def sampling_doubt(answer: Mapping[str, Any], judged: int, *, is_complete: bool) -> Doubt:
    """Why the answer says nothing against the policy. `judged`: how many children were looked at; `is_complete`:
    whether the sample is all there is, so that nothing is left to chance."""
    if answer["success"] or is_complete or answer["layer"] in CERTAIN or answer["name"] in EXACT:
        return None
    if answer["name"] in TOO_FEW or answer.get("too_few") or answer["error"] == NOTHING_JUDGED:
        return "the sample has too few rows to judge it"
    if answer["observed"] is None:
        return None  # it could not be evaluated, which more rows would not mend
    between = interval_of(answer, judged)
    if between is None:
        return "a sample is no measure of it"
    low, high = between
    if _within(between, str(answer["target"])):
        return f"on so few rows it may be {low:.3g} to {high:.3g}"
    return None


def interval_of(answer: Mapping[str, Any], judged: int) -> Interval | None:
    """Between which figures all rows may lie; None where that cannot be said."""
    interval = answer.get("interval")
    if interval:
        return float(interval[0]), float(interval[1])
    observed = answer["observed"]
    if answer["name"] in SHARES and isinstance(observed, int | float) and judged and 0.0 <= observed <= 1.0:
        return wilson(observed * judged, judged)
    return None


def _within(between: Interval, target: str) -> bool:
    """Whether some figure of the interval meets the target."""
    match = _TARGET.search(target)
    if match is None:
        return False
    bound = float(match[2].replace(",", "").replace("_", ""))
    return between[1] >= bound if match[1] == ">" else between[0] <= bound
