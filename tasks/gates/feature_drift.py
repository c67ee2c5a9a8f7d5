"""How far a feature has moved between two samples, from 0 (not at all) to 1 (nothing in common)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.tasks.gates.gate_contract import F64
from augmill.tasks.stats.intervals import Interval, effective, weighted_quantile

MOST_CATEGORIES = 1_000
"""A text column with more values than this is not a category: most of its values would occur in one sample only."""

KOLMOGOROV = 1.358
"""The 95 % quantile of the Kolmogorov distribution."""

DRAWS = 200
SHOWN = 24


@dataclass(frozen=True)
class Drift:
    """The drift of one feature, its interval, and a text with the old and the new value."""

    name: str
    figure: float
    interval: Interval
    words: str


def drift_of(
    name: str, before: pa.ChunkedArray, weights: F64, now: pa.ChunkedArray, random: np.random.Generator
) -> Drift | None:
    """The drift of one column; `weights` belong to the rows of `before`. None for columns that are not features.

    A change of the share of missing values counts as drift of the column.
    """
    kind = before.type
    if pa.types.is_boolean(kind) or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return _category_drift(name, before, weights, now, random)
    return _number_drift(name, before, weights, now)


def _number_drift(name: str, before: pa.ChunkedArray, weights: F64, now: pa.ChunkedArray) -> Drift | None:
    old, new = (pc.fill_null(column.cast(pa.float64()), math.nan).to_numpy() for column in (before, now))
    had, has = np.isfinite(old), np.isfinite(new)
    gap = abs(float(weights[~had].sum() / weights.sum()) - float((~has).mean()))
    if not had.any() or not has.any():
        return Drift(name, gap, (gap, gap), "values missing")
    distance = kolmogorov_smirnov(old[had], weights[had], new[has])
    rows = effective(weights[had]), float(has.sum())
    half = KOLMOGOROV * math.sqrt(1.0 / rows[0] + 1.0 / rows[1])
    old_median, new_median = weighted_quantile(old[had], weights[had], 0.5), float(np.median(new[has]))
    words = f"median {old_median:.4g} -> {new_median:.4g}" + (", values missing" if gap > distance else "")
    figure = max(distance, gap)
    return Drift(name, figure, (max(0.0, figure - half), min(1.0, figure + half)), words)


def kolmogorov_smirnov(before: F64, weights: F64, now: F64) -> float:
    """The largest distance between the two distribution functions; the rows of `before` are weighted."""
    values = np.concatenate([before, now])
    steps = np.concatenate([weights / weights.sum(), np.full(len(now), -1.0 / len(now))])
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # equal values step together
    return float(np.abs(np.cumsum(steps[order])[last]).max())


def _category_drift(
    name: str, before: pa.ChunkedArray, weights: F64, now: pa.ChunkedArray, random: np.random.Generator
) -> Drift | None:
    if pa.types.is_nested(before.type) or pa.types.is_temporal(before.type):
        return None
    old, new = (pc.fill_null(column.cast(pa.string()), "(missing)") for column in (before, now))
    categories = pa.chunked_array([*old.chunks, *new.chunks], pa.string()).unique()
    if len(categories) > MOST_CATEGORIES:
        return None
    old_shares = np.bincount(pc.index_in(old, categories).to_numpy(), weights, len(categories)) / weights.sum()
    new_shares = np.bincount(pc.index_in(new, categories).to_numpy(), minlength=len(categories)) / len(new)
    distance = total_variation(old_shares, new_shares)
    rows = round(effective(weights)), len(new)
    draws = [
        total_variation(
            random.multinomial(rows[0], old_shares) / rows[0], random.multinomial(rows[1], new_shares) / rows[1]
        )
        for _ in range(DRAWS)
    ]
    # Resamples are further apart than the samples themselves (a distance is never below 0): subtract this excess.
    excess = float(np.mean(draws)) - distance
    low, high = (float(end) - excess for end in np.quantile(draws, [0.025, 0.975]))
    largest = int(np.argmax(np.abs(new_shares - old_shares)))
    words = f"{categories[largest].as_py()[:SHOWN]} {old_shares[largest]:.1%} -> {new_shares[largest]:.1%}"
    return Drift(name, distance, (max(0.0, min(low, distance)), min(1.0, max(high, distance))), words)


def total_variation(first: F64, second: F64) -> float:
    """Half the sum of absolute differences of two distributions: the largest difference of any set of categories."""
    return float(np.abs(first - second).sum() / 2.0)
