"""Drift coverage: the share of production rows inside the training distribution, before and after augmentation.

Coverage and density are those of Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models".
The production rows are the reference: each has a ball whose radius is the distance to its k-th neighbour among them,
and is covered if a training row lies in the ball. As many real training rows are sampled as there are production rows,
so that a large training set alone does not raise coverage; new rows are added in proportion. The drift of each feature
shows how production differs from training.
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
"""As in the paper: two samples of the same distribution then have a coverage of 97 %."""

MOST = 2_000
"""Rows of a kind that are compared at most: the interval of a share is then about 2 points wide on each side."""

FEWEST = 50
"""With fewer production or training rows than this, the balls are too large to mean anything."""

MOST_MADE = 4
"""New rows per real row that are compared at most."""

SHOWN = 10
WORDS = "Production rows with a training row nearer than their fifth neighbour among them."
DRIFT_WORDS = "Largest drift of a feature: Kolmogorov-Smirnov distance of numbers, total variation of categories."


@dataclass(frozen=True)
class Covered:
    """The share of balls with a row in them, and the rows per ball, where 1 is the number expected for production."""

    coverage: float
    density: float


def judge(evidence: Evidence, gate: DriftCoverage) -> list[CheckReport]:
    """Coverage before and after augmentation, and the features that drifted, largest drift first."""
    rows = evidence.production
    target = f">= {gate.min_coverage:g}"
    limit = "" if gate.max_feature_drift is None else f"<= {gate.max_feature_drift:g}"
    count = min(rows.num_rows, evidence.train.total, MOST)
    if count < FEWEST:
        why = f"{rows.num_rows:,} production and {evidence.train.total:,} training rows, {FEWEST} of each are needed"
        return [
            too_few("drift_coverage", gate, target, why, WORDS),
            too_few("feature_drift", gate, limit, why, DRIFT_WORDS),
        ]
    return [_coverage(evidence, gate, count, target), _drift(evidence, gate, limit)]


def _coverage(evidence: Evidence, gate: DriftCoverage, count: int, target: str) -> CheckReport:
    if not evidence.train.features.shape[1]:
        return too_few("drift_coverage", gate, target, NO_FEATURE, WORDS)
    production = evidence.features(evidence.production.slice(0, count))
    real = evidence.train.features[evenly(evidence.train, count)]
    new = evidence.children.features[evenly(evidence.children, _new_count(evidence, count))]
    # A row that cannot be read is not covered.
    readable = evidence.readable
    before, after = (
        Covered(cover.coverage * readable, cover.density)
        for cover in covered(production, real, new.reshape(-1, real.shape[1]))
    )
    details: list[Detail] = [
        _share_detail("real training rows", before.coverage, count),
        _share_detail("real and new rows", after.coverage, count),
        {"of": "density of real training rows", "observed": before.density},
        {"of": "density of real and new rows", "observed": after.density},
    ]
    if readable < 1.0:
        details.append({"of": "production rows that could be read", "observed": readable})
    return answer(
        "drift_coverage",
        gate,
        after.coverage >= gate.min_coverage,
        after.coverage,
        target,
        WORDS,
        interval=wilson(after.coverage * count, count),
        details=[*details, *_validation_coverage(evidence, count)],
    )


def _validation_coverage(evidence: Evidence, count: int) -> list[Detail]:
    """The coverage of validation rows, which have the distribution of the training rows: the highest useful target."""
    count = min(count, len(evidence.validation))
    if count < FEWEST:
        return []
    fresh = evidence.validation.features[evenly(evidence.validation, count)]
    real = evidence.train.features[evenly(evidence.train, count)]
    return [_share_detail("validation rows by real training rows", covered(fresh, real, real[:0])[0].coverage, count)]


def _new_count(evidence: Evidence, count: int) -> int:
    share = evidence.children.total / evidence.train.total
    return min(round(count * share), count * MOST_MADE, len(evidence.children))


def covered(production: F64, real: F64, new: F64) -> tuple[Covered, Covered]:
    """The coverage of production rows by real rows, and by real and new rows. The scaling is fitted on production and
    real rows together, so that a column that is constant in training counts if it varies in production."""
    scale = scaling.fit(np.concatenate([production, real]))
    production = scale.apply(production)
    radius = radii(production, NEIGHBOURS)
    counts = count_within(production, radius, scale.apply(real))
    all_counts = counts + count_within(production, radius, scale.apply(new)) if len(new) else counts
    return _coverage_of_counts(counts, len(real)), _coverage_of_counts(all_counts, len(real) + len(new))


def _coverage_of_counts(counts: NDArray[np.int64], rows: int) -> Covered:
    return Covered(float((counts > 0).mean()), float(counts.sum() / (NEIGHBOURS * rows)))


def _drift(evidence: Evidence, gate: DriftCoverage, target: str) -> CheckReport:
    features = drifts(evidence)
    if not features:
        return too_few("feature_drift", gate, target, "no feature is a number or a category", DRIFT_WORDS)
    worst = features[0]
    limit = gate.max_feature_drift
    details: list[Detail] = [
        {"of": f"{drift.name} ({drift.words})", "observed": drift.figure, "interval": list(drift.interval)}
        for drift in features[:SHOWN]
    ]
    words = f"{DRIFT_WORDS} {len(features)} features, worst first."
    return answer(
        "feature_drift",
        gate,
        limit is None or worst.figure <= limit,
        worst.figure,
        target,
        words,
        interval=worst.interval,
        details=details,
    )


def drifts(evidence: Evidence) -> list[Drift]:
    """The drift of every feature from real training rows to production, largest first; of images, the drift of the
    verifier's features."""
    train, production = evidence.train, evidence.production
    random = generator(evidence.policy.seed, "feature_drift")
    # Not only the features: a column that is constant in training is not a feature, but may vary in production.
    names = [name for name in like_columns(evidence.policy, production.column_names) if name in train.rows.column_names]
    # Production rows mostly have no label yet, which is not drift.
    names = [
        name for name in names if name != evidence.policy.label or production[name].null_count < production.num_rows
    ]
    features = [drift_of(name, train.rows[name], train.weights, production[name], random) for name in names]
    if any(name not in train.rows.column_names for name in evidence.feature_columns):
        features += _feature_drifts(train, evidence.features(production), random)
    return sorted((drift for drift in features if drift is not None), key=lambda drift: (-drift.figure, drift.name))


def _feature_drifts(train: Sample, production: F64, random: np.random.Generator) -> list[Drift | None]:
    import pyarrow as pa

    columns = zip(train.features.T, production.T, strict=True)
    return [
        drift_of(f"feature {number}", pa.chunked_array([before]), train.weights, pa.chunked_array([now]), random)
        for number, (before, now) in enumerate(columns)
    ]


def _share_detail(of: str, share: float, rows: int) -> Detail:
    low, high = wilson(share * rows, rows)
    return {"of": of, "observed": share, "interval": [low, high]}
