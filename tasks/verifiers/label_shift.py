"""Whether a change shifts labels: counts of contradicted rows, compared with real rows and with a declared rate."""

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
    """The policy's limits: `checks.label_consistency.min_rate` and `max_unfamiliar_share`."""

    min_rate: float
    max_unfamiliar_share: float


@dataclass(frozen=True)
class Moves:
    """Counts of rows of one class, or of all: judged, contradicted (`moved`), and unfamiliar to the verifier."""

    rows: int = 0
    judged: int = 0
    moved: int = 0
    unfamiliar: int = 0

    def __add__(self, other: Moves) -> Moves:
        return Moves(*(first + second for first, second in zip(_counts(self), _counts(other), strict=True)))

    def figures(self) -> dict[str, Any]:
        """As JSON, with the share of moved labels and its interval; None if no row could be judged."""
        measured = self.judged > 0
        return {
            **asdict(self),
            "moved_share": self.moved / self.judged if measured else None,
            "unfamiliar_share": self.unfamiliar / self.judged if measured else None,
            "interval": list(wilson(self.moved, self.judged)) if measured else None,
        }


def count(outcome: pa.Array, labels: pa.Array) -> dict[str, Moves]:
    """The counts of the verifier's outcomes, by the original class of the rows."""
    moves_by_class: dict[str, Moves] = {}
    for label in sorted(pc.unique(labels).to_pylist()):
        outcomes = outcome.filter(pc.equal(labels, label)).to_pylist()
        judged = sum(name != TOO_FEW for name in outcomes)
        moves_by_class[label] = Moves(len(outcomes), judged, outcomes.count(CONTRADICTED), outcomes.count(UNFAMILIAR))
    return moves_by_class


def status(changed: Moves, real: Moves, target: Target) -> Status:
    """The effect of the change on a class, as far as this number of rows can show it (intervals of 95 %).

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
    """The sum over all classes."""
    return sum(moves.values(), Moves())


def _counts(moves: Moves) -> tuple[int, int, int, int]:
    return moves.rows, moves.judged, moves.moved, moves.unfamiliar
