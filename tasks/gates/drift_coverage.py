"""Drift coverage: how much of what production sends lies within the training distribution, before and after.

Coverage and density are those of Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models",
with the production rows as what is to be covered: each has a ball that reaches to its k-th neighbour among them. It is
covered if a training row lies in it. As many real training rows are drawn as production rows, so that sheer numbers
cover nothing; new rows come on top, in proportion. Drift per feature says where production went.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augmill.policies.gates import DriftCoverage
from augmill.tasks.documents.report_document import CheckReport, Detail
from augmill.tasks.gates.feature_drift import Drift, drift_of
from augmill.tasks.gates.gate_contract import F64, NO_FEATURE, Evidence, Sample, answer, too_few
from augmill.tasks.gates.sample_ops import evenly
from augmill.tasks.rows.identity import like_columns
from augmill.tasks.rows.randomness import generator
from augmill.tasks.stats import scaling
from augmill.tasks.stats.intervals import wilson
from augmill.tasks.stats.nearest import count_within, radii

NEIGHBOURS = 5
"""As in the paper: rows of one and the same distribution are then covered to 97 %."""

MOST = 2_000
"""Rows of a kind that are compared: a share is then known to about 2 points."""

FEWEST = 50
"""Rows of production, or of training, below which balls are too wide to say anything."""

MOST_MADE = 4
"""New rows per real one that are compared at most."""

SHOWN = 10
WORDS = "Production rows with a training row nearer than their fifth neighbour among them."
DRIFT_WORDS = "Largest drift of a feature: Kolmogorov-Smirnov distance of numbers, total variation of categories."


@dataclass(frozen=True)
class Covered:
    """Share of balls with a row in them, and how many rows a ball holds where 1 is as many as of its own kind."""

    coverage: float
    density: float


def judge(evidence: Evidence, asked: DriftCoverage) -> list[CheckReport]:
    """Coverage after augmentation with that before it, and the features that drifted, worst first."""
    rows = evidence.production
    target = f">= {asked.min_coverage:g}"
    limit = "" if asked.max_feature_drift is None else f"<= {asked.max_feature_drift:g}"
    count = min(rows.num_rows, evidence.train.total, MOST)
    if count < FEWEST:
        why = f"{rows.num_rows:,} production and {evidence.train.total:,} training rows, {FEWEST} of each are needed"
        return [
            too_few("drift_coverage", asked, target, why, WORDS),
            too_few("feature_drift", asked, limit, why, DRIFT_WORDS),
        ]
    return [_coverage(evidence, asked, count, target), _drift(evidence, asked, limit)]


def _coverage(evidence: Evidence, asked: DriftCoverage, count: int, target: str) -> CheckReport:
    if not evidence.train.features.shape[1]:
        return too_few("drift_coverage", asked, target, NO_FEATURE, WORDS)
    met = evidence.features(evidence.production.slice(0, count))
    real = evidence.train.features[evenly(evidence.train, count)]
    made = evidence.children.features[evenly(evidence.children, _made_count(evidence, count))]
    # A row that cannot even be read is not covered.
    read = evidence.readable
    before, after = (
        Covered(one.coverage * read, one.density) for one in covered(met, real, made.reshape(-1, real.shape[1]))
    )
    details: list[Detail] = [
        _share("real training rows", before.coverage, count),
        _share("real and new rows", after.coverage, count),
        {"of": "density of real training rows", "observed": before.density},
        {"of": "density of real and new rows", "observed": after.density},
    ]
    if read < 1.0:
        details.append({"of": "production rows that could be read", "observed": read})
    return answer(
        "drift_coverage",
        asked,
        after.coverage >= asked.min_coverage,
        after.coverage,
        target,
        WORDS,
        interval=wilson(after.coverage * count, count),
        details=[*details, *_floor(evidence, count)],
    )


def _floor(evidence: Evidence, count: int) -> list[Detail]:
    """What validation rows, which are as the training rows are, reach: the most that can be asked for."""
    count = min(count, len(evidence.validation))
    if count < FEWEST:
        return []
    fresh = evidence.validation.features[evenly(evidence.validation, count)]
    real = evidence.train.features[evenly(evidence.train, count)]
    return [_share("validation rows by real training rows", covered(fresh, real, real[:0])[0].coverage, count)]


def _made_count(evidence: Evidence, count: int) -> int:
    share = evidence.children.total / evidence.train.total
    return min(round(count * share), count * MOST_MADE, len(evidence.children))


def covered(met: F64, real: F64, made: F64) -> tuple[Covered, Covered]:
    """How far real rows, and real with made ones, cover the rows that were met. All on the footing of met and real
    rows together: a column that was constant in training counts if it is not in production."""
    scale = scaling.fit(np.concatenate([met, real]))
    met = scale.apply(met)
    radius = radii(met, NEIGHBOURS)
    held = count_within(met, radius, scale.apply(real))
    more = held + count_within(met, radius, scale.apply(made)) if len(made) else held
    return _figures(held, len(real)), _figures(more, len(real) + len(made))


def _figures(held: NDArray[np.int64], rows: int) -> Covered:
    return Covered(float((held > 0).mean()), float(held.sum() / (NEIGHBOURS * rows)))


def _drift(evidence: Evidence, asked: DriftCoverage, target: str) -> CheckReport:
    found = drifts(evidence)
    if not found:
        return too_few("feature_drift", asked, target, "no feature is a number or a category", DRIFT_WORDS)
    worst = found[0]
    limit = asked.max_feature_drift
    details: list[Detail] = [
        {"of": f"{one.name} ({one.words})", "observed": one.figure, "interval": list(one.interval)}
        for one in found[:SHOWN]
    ]
    words = f"{DRIFT_WORDS} {len(found)} features, worst first."
    return answer(
        "feature_drift",
        asked,
        limit is None or worst.figure <= limit,
        worst.figure,
        target,
        words,
        interval=worst.interval,
        details=details,
    )


def drifts(evidence: Evidence) -> list[Drift]:
    """Every feature's drift from real training rows to production, worst first; pictures by what a verifier sees."""
    train, met = evidence.train, evidence.production
    random = generator(evidence.policy.seed, "feature_drift")
    # Not the features alone: a column that was constant in training is none, and may vary in production.
    names = [name for name in like_columns(evidence.policy, met.column_names) if name in train.rows.column_names]
    # What is met in production mostly has no label yet, which is no drift.
    names = [name for name in names if name != evidence.policy.label or met[name].null_count < met.num_rows]
    found = [drift_of(name, train.rows[name], train.weights, met[name], random) for name in names]
    if any(name not in train.rows.column_names for name in evidence.feature_columns):
        found += _of_features(train, evidence.features(met), random)
    return sorted((one for one in found if one is not None), key=lambda one: (-one.figure, one.name))


def _of_features(train: Sample, met: F64, random: np.random.Generator) -> list[Drift | None]:
    import pyarrow as pa

    columns = zip(train.features.T, met.T, strict=True)
    return [
        drift_of(f"feature {number}", pa.chunked_array([before]), train.weights, pa.chunked_array([now]), random)
        for number, (before, now) in enumerate(columns)
    ]


def _share(of: str, share: float, rows: int) -> Detail:
    low, high = wilson(share * rows, rows)
    return {"of": of, "observed": share, "interval": [low, high]}
