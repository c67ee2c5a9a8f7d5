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
"""Texts with more values than this are no categories; of most rows nothing would be found again."""

KOLMOGOROV = 1.358
"""The 95 % quantile of the Kolmogorov distribution."""

DRAWS = 200
SHOWN = 24


@dataclass(frozen=True)
class Drift:
    """One feature: how far it moved, between what, and in words what it was and is."""

    name: str
    figure: float
    interval: Interval
    words: str


def drift_of(
    name: str, before: pa.ChunkedArray, weights: F64, now: pa.ChunkedArray, random: np.random.Generator
) -> Drift | None:
    """The drift of one column; `weights` are of the rows before. None for columns that are no feature.

    Where values are missing more or less often than before, that counts as drift of the column.
    """
    kind = before.type
    if pa.types.is_boolean(kind) or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return _of_categories(name, before, weights, now, random)
    return _of_numbers(name, before, weights, now)


def _of_numbers(name: str, before: pa.ChunkedArray, weights: F64, now: pa.ChunkedArray) -> Drift | None:
    old, new = (pc.fill_null(column.cast(pa.float64()), math.nan).to_numpy() for column in (before, now))
    had, has = np.isfinite(old), np.isfinite(new)
    gap = abs(float(weights[~had].sum() / weights.sum()) - float((~has).mean()))
    if not had.any() or not has.any():
        return Drift(name, gap, (gap, gap), "values missing")
    far = kolmogorov_smirnov(old[had], weights[had], new[has])
    rows = effective(weights[had]), float(has.sum())
    half = KOLMOGOROV * math.sqrt(1.0 / rows[0] + 1.0 / rows[1])
    was, is_now = weighted_quantile(old[had], weights[had], 0.5), float(np.median(new[has]))
    words = f"median {was:.4g} -> {is_now:.4g}" + (", values missing" if gap > far else "")
    figure = max(far, gap)
    return Drift(name, figure, (max(0.0, figure - half), min(1.0, figure + half)), words)


def kolmogorov_smirnov(before: F64, weights: F64, now: F64) -> float:
    """The largest distance between the two distribution functions, the first one's rows weighted."""
    values = np.concatenate([before, now])
    steps = np.concatenate([weights / weights.sum(), np.full(len(now), -1.0 / len(now))])
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # equal values step together
    return float(np.abs(np.cumsum(steps[order])[last]).max())


def _of_categories(
    name: str, before: pa.ChunkedArray, weights: F64, now: pa.ChunkedArray, random: np.random.Generator
) -> Drift | None:
    if pa.types.is_nested(before.type) or pa.types.is_temporal(before.type):
        return None
    old, new = (pc.fill_null(column.cast(pa.string()), "(missing)") for column in (before, now))
    known = pa.chunked_array([*old.chunks, *new.chunks], pa.string()).unique()
    if len(known) > MOST_CATEGORIES:
        return None
    was = np.bincount(pc.index_in(old, known).to_numpy(), weights, len(known)) / weights.sum()
    here = np.bincount(pc.index_in(new, known).to_numpy(), minlength=len(known)) / len(new)
    far = total_variation(was, here)
    rows = round(effective(weights)), len(new)
    drawn = [
        total_variation(random.multinomial(rows[0], was) / rows[0], random.multinomial(rows[1], here) / rows[1])
        for _ in range(DRAWS)
    ]
    # Draws of what was drawn lie further apart than it does (a distance cannot fall below 0): that much is taken off.
    excess = float(np.mean(drawn)) - far
    low, high = (float(end) - excess for end in np.quantile(drawn, [0.025, 0.975]))
    most = int(np.argmax(np.abs(here - was)))
    words = f"{known[most].as_py()[:SHOWN]} {was[most]:.1%} -> {here[most]:.1%}"
    return Drift(name, far, (max(0.0, min(low, far)), min(1.0, max(high, far))), words)


def total_variation(one: F64, other: F64) -> float:
    """Half the sum of differences of two distributions: the most that any set of categories differs."""
    return float(np.abs(one - other).sum() / 2.0)
