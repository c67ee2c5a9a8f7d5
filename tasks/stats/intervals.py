"""Intervals for figures that are measured on a sample, at 95 % unless stated otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Interval = tuple[float, float]

Z = 1.959964
"""The normal quantile of 95 %, two-sided."""

DRAWS = 200
"""Bootstrap draws: enough for an error of the interval's ends of about a sixth of its width."""


def wilson(hits: float, rows: float) -> Interval:
    """The score interval of a share (Wilson 1927): within 0 and 1, and with a width above 0 if all or none are hits."""
    share, slack = hits / rows, Z * Z / rows
    middle = share + slack / 2.0
    half = Z * math.sqrt(share * (1.0 - share) / rows + slack / (4.0 * rows))
    # Rounding must not put the share itself outside the interval if none or all are hits.
    return min(share, max(0.0, (middle - half) / (1.0 + slack))), max(share, min(1.0, (middle + half) / (1.0 + slack)))


def difference(hits: tuple[float, float], rows: tuple[float, float]) -> Interval:
    """The interval of the difference of two shares, from the score intervals of both (Newcombe 1998, method 10)."""
    first, second = hits[0] / rows[0], hits[1] / rows[1]
    (low, high), (lower, upper) = wilson(hits[0], rows[0]), wilson(hits[1], rows[1])
    gap = first - second
    return (
        gap - math.hypot(first - low, upper - second),
        gap + math.hypot(high - first, second - lower),
    )


def effective(weights: F64) -> float:
    """The effective sample size: the number of equally weighted rows with the same variance (Kish 1965)."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def bootstrap(figure: Callable[[np.random.Generator], float], random: np.random.Generator) -> Interval:
    """The middle 95 % of a figure over draws; each call of `figure` draws its rows from the generator."""
    draws = np.array([figure(random) for _ in range(DRAWS)])
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def weighted_quantile(values: F64, weights: F64, at: float) -> float:
    """The smallest value with at least the share `at` of all weight at or below it."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(reached, at * reached[-1])]])
