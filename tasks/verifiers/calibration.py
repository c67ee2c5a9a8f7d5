"""From scores of held-out real rows to thresholds, prediction sets, outcomes, and the noise floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augmill.policies.schema import MAX_ALPHA

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

MAX_REACHED_ALPHA = MAX_ALPHA
"""With n calibration rows the smallest possible alpha is 1/(n+1); above the usual 5 % a verdict would mean little."""

CONSISTENT, CONTRADICTED, UNFAMILIAR, TOO_FEW = "consistent", "contradicted", "unfamiliar", "too_few"
OUTCOMES = (CONSISTENT, CONTRADICTED, UNFAMILIAR, TOO_FEW)


@dataclass(frozen=True)
class Calibration:
    """Held-out scores of real rows, one sorted array per class, for models that leave out `left_out` folds.

    `order` is by how much another class's score exceeds the row's own (low is good), `distance` the distance of the
    row to its class.
    """

    order: tuple[F64, ...]
    distance: tuple[F64, ...]

    def thresholds(self, alpha: float) -> tuple[F64, F64]:
        """The largest score of each class that passes, by the finite-sample rule."""
        return np.array([threshold(s, alpha) for s in self.order]), np.array(
            [threshold(s, alpha) for s in self.distance]
        )


def excess(scores: F64) -> F64:
    """By how much the best other class exceeds each class, shape (n, c): the nonconformity, low if the class fits."""
    rows, best = np.arange(len(scores)), scores.argmax(axis=1)
    rest = scores.copy()
    rest[rows, best] = -np.inf
    others = np.repeat(scores[rows, best][:, None], scores.shape[1], axis=1)
    others[rows, best] = rest.max(axis=1)
    return others - scores


def outcomes(plausible: Mask, typical: Mask, own: Mask, judged: Mask) -> tuple[I64, Mask]:
    """Outcome (n,) as a position in `OUTCOMES`, and the prediction set (n, c). `judged` (c,): enough rows."""
    could = plausible & typical & judged
    codes = np.full(len(own), OUTCOMES.index(UNFAMILIAR))
    none_plausible = ~(plausible & own).any(axis=1)
    codes[none_plausible & (could & ~own).any(axis=1)] = OUTCOMES.index(CONTRADICTED)
    codes[(could & own).any(axis=1)] = OUTCOMES.index(CONSISTENT)
    # A label without enough rows cannot be tested, nor a mixture that holds one, nor a label without training rows.
    codes[(own & ~judged).any(axis=1) | ~own.any(axis=1)] = OUTCOMES.index(TOO_FEW)
    return codes, could


def threshold(sorted_scores: F64, alpha: float) -> float:
    """The largest score that passes at level alpha."""
    # k-th smallest with k = ceil((n + 1)(1 - alpha)); for k > n the largest, at a reached alpha of 1 / (n + 1).
    rows = len(sorted_scores)
    return float(sorted_scores[min(int(np.ceil((rows + 1) * (1.0 - alpha))), rows) - 1]) if rows else np.inf


def calibrate(order: F64, distance: F64, codes: I64, classes: int) -> Calibration:
    """Sort the scores of each class's own rows."""
    own = [np.flatnonzero(codes == code) for code in range(classes)]
    return Calibration(
        tuple(np.sort(order[rows, code]) for code, rows in enumerate(own)),
        tuple(np.sort(distance[rows, code]) for code, rows in enumerate(own)),
    )


def noise_floor(
    order: F64, distance: F64, codes: I64, names: Sequence[str], calibration: Calibration, alpha: float
) -> list[dict[str, Any]]:
    """Figures of held-out real rows per class (see `Verifier.noise_floor`)."""
    order_limit, distance_limit = calibration.thresholds(alpha)
    plausible, typical = order <= order_limit, distance <= distance_limit
    rows = np.bincount(codes, minlength=len(names))
    reached = np.maximum(alpha, 1.0 / (rows + 1))
    judged = reached <= MAX_REACHED_ALPHA
    figures = []
    for code, name in enumerate(names):
        assigned = np.zeros_like(plausible)
        assigned[:, code] = True
        codes_if_assigned, _ = outcomes(plausible, typical, assigned, judged)
        own = codes == code
        contradicted, unfamiliar = (codes_if_assigned == OUTCOMES.index(name) for name in (CONTRADICTED, UNFAMILIAR))
        # A class that is not judged has no rates: "not measured" is not zero.
        is_judged = bool(judged[code])
        figures.append(
            {
                "label": name,
                "rows": int(rows[code]),
                "reached_alpha": float(reached[code]),
                "contradicted_rate": float(contradicted[own].mean()) if is_judged else None,
                "unfamiliar_rate": float(unfamiliar[own].mean()) if is_judged else None,
                "catch_rate": float(contradicted[~own].mean()) if is_judged else None,
                "too_few": not is_judged,
            }
        )
    return figures


def accuracy(scores: F64, codes: I64, classes: int) -> float:
    """Balanced accuracy, rescaled so that guessing gives 0 and only correct predictions give 1."""
    correct = scores.argmax(axis=1) == codes
    balanced = float(np.mean([correct[codes == code].mean() for code in range(classes)]))
    return (balanced - 1.0 / classes) / (1.0 - 1.0 / classes)
