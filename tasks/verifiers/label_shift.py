"""Whether a change moves labels: counts of contradicted rows, judged against real rows' own and a declared rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from augmill.tasks.stats.intervals import difference, wilson
from augmill.tasks.verifiers.calibration import CONTRADICTED, TOO_FEW, UNFAMILIAR

Status = Literal["consistent", "degraded", "inconsistent", "unfamiliar", "too_few"]
SHORT: tuple[Status, ...] = ("degraded", "inconsistent", "unfamiliar")
"""Statuses that no class may have at a magnitude that is suggested."""


@dataclass(frozen=True)
class Target:
    """What the policy asks: `checks.label_consistency.min_rate` and `max_unfamiliar_share`."""

    min_rate: float
    max_unfamiliar_share: float


@dataclass(frozen=True)
class Moves:
    """Rows of one class, or of all: how many the verifier could judge, contradicted, or did not recognise."""

    rows: int = 0
    judged: int = 0
    moved: int = 0
    unfamiliar: int = 0

    def __add__(self, other: Moves) -> Moves:
        return Moves(*(mine + theirs for mine, theirs in zip(_numbers(self), _numbers(other), strict=True)))

    def figures(self) -> dict[str, Any]:
        """As JSON, with the share of moved labels and its interval; None where no row could be judged."""
        known = self.judged > 0
        return {
            **asdict(self),
            "moved_share": self.moved / self.judged if known else None,
            "unfamiliar_share": self.unfamiliar / self.judged if known else None,
            "interval": list(wilson(self.moved, self.judged)) if known else None,
        }


def count(outcome: pa.Array, labels: pa.Array) -> dict[str, Moves]:
    """The verifier's outcomes of rows, by the class they were of."""
    found: dict[str, Moves] = {}
    for label in sorted(pc.unique(labels).to_pylist()):
        mine = outcome.filter(pc.equal(labels, label)).to_pylist()
        judged = sum(one != TOO_FEW for one in mine)
        found[label] = Moves(len(mine), judged, mine.count(CONTRADICTED), mine.count(UNFAMILIAR))
    return found


def status(changed: Moves, real: Moves, target: Target) -> Status:
    """What the change does to a class, as far as so many rows can tell (intervals of 95 %).

    `inconsistent`: the verifier contradicts most labels. `degraded`: it contradicts more than the declared rate
    allows, and more than of the unchanged real rows. `unfamiliar`: more rows than declared look like no class at all,
    so that the verifier cannot vouch for their labels. `consistent`: none of these can be shown. `too_few`: the
    verifier cannot judge the class.
    """
    if not changed.judged or not real.judged:
        return "too_few"
    low = wilson(changed.moved, changed.judged)[0]
    if low > 0.5:
        return "inconsistent"
    more = difference((changed.moved, real.moved), (changed.judged, real.judged))[0]
    if low > 1.0 - target.min_rate and more > 0.0:
        return "degraded"
    strange = wilson(changed.unfamiliar, changed.judged)[0]
    return "unfamiliar" if strange > target.max_unfamiliar_share else "consistent"


def statuses(changed: Mapping[str, Moves], real: Mapping[str, Moves], target: Target) -> dict[str, Status]:
    """The same for each class."""
    return {label: status(moves, real[label], target) for label, moves in changed.items()}


def together(moves: Mapping[str, Moves]) -> Moves:
    """All classes as one."""
    return sum(moves.values(), Moves())


def _numbers(moves: Moves) -> tuple[int, int, int, int]:
    return moves.rows, moves.judged, moves.moved, moves.unfamiliar
