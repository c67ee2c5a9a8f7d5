"""Whether a change moves labels: counts of contradicted rows, judged against real rows' own and a declared rate."""

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
"""What a magnitude must not do to a class, to be suggested."""


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

    `breaks`: most labels move. `frays`: more move than the declared rate allows, and more than of the real rows
    themselves. `strays`: more rows than declared look like no class at all, so that the verifier cannot vouch for
    their labels. `holds`: none of it can be shown. `too_few`: the verifier cannot judge the class.
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
    """All classes as one."""
    return sum(moves.values(), Moves())


def _numbers(moves: Moves) -> tuple[int, int, int, int]:
    return moves.rows, moves.judged, moves.moved, moves.unfamiliar
