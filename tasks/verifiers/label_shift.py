"""Whether a change shifts labels: counts of contradicted rows, compared with real rows and with a declared rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from augmill.tasks.stats.intervals import difference, wilson
from augmill.tasks.verifiers.calibration import CONTRADICTED, TOO_FEW, UNFAMILIAR

Status = Literal["holds", "frays", "breaks", "strays", "too_few"]
SHORT: tuple[Status, ...] = ("frays", "breaks", "strays")
"""A magnitude with one of these statuses for a class is not suggested."""


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

    `breaks`: most labels move. `frays`: more move than the declared rate allows, and more than of the real rows
    themselves. `strays`: more rows than declared are unlike every class, so that the verifier cannot confirm their
    labels. `holds`: none of these can be shown. `too_few`: the verifier cannot judge the class.
    """
    if not changed.judged or not real.judged:
        return "too_few"
    low = wilson(changed.moved, changed.judged)[0]
    if low > 0.5:
        return "breaks"
    more = difference((changed.moved, real.moved), (changed.judged, real.judged))[0]
    if low > 1.0 - target.min_rate and more > 0.0:
        return "frays"
    strange = wilson(changed.unfamiliar, changed.judged)[0]
    return "strays" if strange > target.max_unfamiliar_share else "holds"


def statuses(changed: Mapping[str, Moves], real: Mapping[str, Moves], target: Target) -> dict[str, Status]:
    """The same for each class."""
    return {label: status(moves, real[label], target) for label, moves in changed.items()}


def together(moves: Mapping[str, Moves]) -> Moves:
    """The sum over all classes."""
    return sum(moves.values(), Moves())


def _counts(moves: Moves) -> tuple[int, int, int, int]:
    return moves.rows, moves.judged, moves.moved, moves.unfamiliar
