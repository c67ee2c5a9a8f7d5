"""Privacy: how much the new rows reveal about single real rows.

Copies are counted among all new rows. Distances are computed on the modality's scaled features, from a sample of new
rows to a sample of real training rows that holds all parents of the new rows, so that sampling never separates a row
from its parent. This matters to those who hand on the new rows without the real ones. DCR is the distance to the
closest record; the attack is that of Yeom et al. 2018 ("Privacy Risk in Machine Learning"), with distances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from augmill.policies.gates import Privacy
from augmill.tasks.documents.report_document import CheckReport, Detail
from augmill.tasks.gates.gate_contract import F64, NO_FEATURE, Evidence, Sample, answer, too_few
from augmill.tasks.gates.sample_ops import head, ids_of, of_class, take, union
from augmill.tasks.rows.randomness import generator
from augmill.tasks.stats import scaling
from augmill.tasks.stats.intervals import bootstrap, difference, effective, weighted_quantile, wilson
from augmill.tasks.stats.nearest import nearest

MOST_QUERIES = 2_000
"""Rows of a kind whose nearest neighbour is computed: the interval of a share is then about 2 points on each side."""

FEWEST = 10
"""A class with fewer held-out rows is not judged."""

FEWEST_ATTACKED = 30
"""With fewer held-out rows the attack means nothing: its interval would be wider than 0.5."""

NEAR = 0.1
"""A near copy is closer to a real row than a tenth of the median distance of held-out rows of its class."""

SHOWN = 5


@dataclass(frozen=True)
class Measured:
    """Distances divided by the median distance of held-out rows of the class to training rows: 1 is as far as an unseen
    row. `ids` are those of the new rows, `closest` those of their closest training rows; `held_out` are the distances
    of the held-out rows, by class."""

    ids: NDArray[np.str_]
    closest: NDArray[np.str_]
    steps: NDArray[np.str_]
    labels: NDArray[np.str_]
    weights: F64
    ratios: F64
    leaks: NDArray[np.bool_]
    held_out: Mapping[str, F64]


def judge(evidence: Evidence, gate: Privacy) -> list[CheckReport]:
    """Copies, near copies, distances, an attack, and the epsilon spent; nothing if the policy makes no rows."""
    if not evidence.policy.steps:
        return []
    if not evidence.made:
        return [too_few("privacy", gate, "", "no new row is left")]
    reports = [_copies(evidence, gate)]
    children = head(evidence.children, MOST_QUERIES)
    parents = evidence.parents(children)
    why = "" if evidence.train.features.shape[1] else NO_FEATURE
    reports += _distances(measure(evidence, children, parents), gate, evidence.policy.seed, why)
    reports.append(_membership(evidence, gate, set(parents.labels.tolist())))
    ledger = _ledger(evidence, gate)
    return [*reports, ledger] if ledger else reports


def _copies(evidence: Evidence, gate: Privacy) -> CheckReport:
    copies, total = evidence.copies, sum(evidence.made.values())
    count = sum(len(ids) for ids in copies.values())
    new_rows: dict[str, int] = {}
    for (step, _), rows in evidence.made.items():
        new_rows[step] = new_rows.get(step, 0) + rows
    details = [_share_of_step(step, len(ids), new_rows[step]) for step, ids in copies.items() if ids]
    return answer(
        "exact_copies",
        gate,
        count / total <= gate.max_copy_share,
        count / total,
        f"<= {gate.max_copy_share:g}",
        f"New rows that equal a real training row in all features: {count:,} of {total:,}.",
        interval=wilson(count, total),
        details=details,
        failing=[{"sample_id": copy_id} for ids in copies.values() for copy_id in ids[:SHOWN]][:SHOWN],
    )


def measure(evidence: Evidence, children: Sample, parents: Sample) -> Measured:
    """The distances of the new rows to the training rows, and whether a validation row is nearer than any of these."""
    references = union(evidence.train, parents)
    scale = scaling.fit(evidence.train.features)
    real, new = scale.apply(references.features), scale.apply(children.features)
    distance, at = nearest(new, real)
    held_out = _held_out(evidence, references, scale)
    units = {label: float(np.median(far)) for label, far in held_out.items()}
    unit = np.array([units.get(label, np.nan) for label in children.labels.tolist()])
    judged = unit > 0.0
    leaks = np.zeros(len(children), dtype=bool)
    if len(evidence.validation):
        across, _ = nearest(new, scale.apply(evidence.validation.features))
        leaks = (across < NEAR * np.where(judged, unit, 0.0)) & (across < distance)
    ids = np.asarray(ids_of(children), dtype=np.str_)
    names = np.asarray(ids_of(references), dtype=np.str_)
    return Measured(
        ids[judged],
        names[at[judged]],
        children.steps[judged],
        children.labels[judged],
        children.weights[judged],
        distance[judged] / unit[judged],
        leaks[judged],
        {label: far / units[label] for label, far in held_out.items() if units[label] > 0.0},
    )


def _held_out(evidence: Evidence, references: Sample, scale: scaling.Scaling) -> dict[str, F64]:
    """By class, the distances of rows that no step was fitted on to the training rows.

    For a class with too few validation rows, each of its training rows is compared with all other training rows
    (leave-one-out).
    """
    real, distances = scale.apply(references.features), {}
    ids = {name: at for at, name in enumerate(ids_of(references))}
    for label in np.unique(evidence.children.labels):
        fresh = of_class(evidence.validation, label)
        own = None
        if len(fresh) < FEWEST:
            fresh = of_class(evidence.train, label)
            own = np.array([ids[name] for name in ids_of(fresh)], dtype=np.int64)
        if len(fresh) >= FEWEST:
            fresh = head(fresh, MOST_QUERIES)
            own = None if own is None else own[: len(fresh)]
            distances[str(label)] = nearest(scale.apply(fresh.features), real, own)[0]
    return distances


def _distances(measured: Measured, gate: Privacy, seed: int, unmeasurable: str = "") -> list[CheckReport]:
    """Near copies of training rows and of validation rows, and the distance ratio; `unmeasurable` is the reason if
    there are no distances."""
    near, far = f"<= {gate.max_near_copy_share:g}", f">= {gate.min_distance_ratio:g}"
    words = {
        "near_copies": f"New rows closer to a training row than {NEAR:g} of what held-out rows keep (median).",
        "held_out_near_copies": "New rows that near to a validation row, which no step may have seen, and to no other.",
        "distance_ratio": "Distance to the closest training row (DCR), over that of held-out rows of the class.",
    }
    if len(measured.ids) == 0:
        why = unmeasurable or f"no class of the new rows has {FEWEST} real rows to compare with"
        return [too_few(name, gate, far if name == "distance_ratio" else near, why, words[name]) for name in words]
    reports = []
    for name, hit in (("near_copies", measured.ratios < NEAR), ("held_out_near_copies", measured.leaks)):
        share = float((measured.weights * hit).sum() / measured.weights.sum())
        report = answer(
            name,
            gate,
            share <= gate.max_near_copy_share,
            share,
            near,
            words[name],
            interval=wilson(share * effective(measured.weights), effective(measured.weights)),
            details=_by_step(measured, hit),
            failing=_closest(measured, hit),
        )
        reports.append(report)
    return [*reports, _ratio(measured, gate, far, words["distance_ratio"], seed)]


def _ratio(measured: Measured, gate: Privacy, target: str, words: str, seed: int) -> CheckReport:
    ratio = weighted_quantile(measured.ratios, measured.weights, 0.5)
    details: list[Detail] = []
    for label in sorted(measured.held_out):
        in_class = measured.labels == label
        if in_class.any():
            median = weighted_quantile(measured.ratios[in_class], measured.weights[in_class], 0.5)
            details.append({"of": f"class {label}" if label else "all", "observed": median})
    return answer(
        "distance_ratio",
        gate,
        ratio >= gate.min_distance_ratio,
        ratio,
        target,
        words,
        interval=bootstrap(partial(_redrawn, measured), generator(seed, "distance_ratio")),
        details=details if len(details) > 1 else (),
    )


def _redrawn(measured: Measured, random: np.random.Generator) -> float:
    """The ratio in one bootstrap draw of the new rows and of the held-out rows that give the unit of each class."""
    at = random.integers(0, len(measured.ratios), len(measured.ratios))
    ratios = measured.ratios[at]
    for label, own in measured.held_out.items():
        unit = np.median(own[random.integers(0, len(own), len(own))])
        ratios[measured.labels[at] == label] /= unit if unit > 0.0 else 1.0
    return weighted_quantile(ratios, measured.weights[at], 0.5)


def _membership(evidence: Evidence, gate: Privacy, exposed: set[str]) -> CheckReport:
    """Guess by the distance to the closest new row whether a real row was used for training, on as many training rows
    as validation rows of each class. The deciding distance is learned on one half of them and tested on the other."""
    target = f"<= {gate.max_membership_advantage:g}"
    words = "Attack: true less false positive rate of telling training from held-out rows by the closest new row."
    if not evidence.train.features.shape[1]:
        return too_few("membership_advantage", gate, target, NO_FEATURE, words)
    members, others = _matched(evidence, exposed)
    if len(others) < FEWEST_ATTACKED:
        why = f"{len(others)} validation rows of the classes that new rows are made of, {FEWEST_ATTACKED} are needed"
        return too_few("membership_advantage", gate, target, why, words)
    scale = scaling.fit(evidence.train.features)
    features = np.concatenate([evidence.children.features, evidence.children_of(ids_of(members))])
    new = scale.apply(features)
    inside, _ = nearest(scale.apply(members.features), new)
    outside, _ = nearest(scale.apply(others.features), new)
    hits, rows = attack(inside, outside), (len(inside), len(outside))
    advantage = hits[0] / rows[0] - hits[1] / rows[1]
    return answer(
        "membership_advantage",
        gate,
        advantage <= gate.max_membership_advantage,
        advantage,
        target,
        words,
        interval=difference(hits, rows),
    )


def _matched(evidence: Evidence, exposed: set[str]) -> tuple[Sample, Sample]:
    """As many training rows as validation rows of each parent class, at most `MOST_QUERIES` of each in total."""
    inside, outside = [], []
    for label in sorted(exposed):
        members = np.flatnonzero(evidence.train.labels == label)
        others = np.flatnonzero(evidence.validation.labels == label)
        count = min(len(members), len(others), MOST_QUERIES // len(exposed))
        inside.append(members[:count])
        outside.append(others[:count])
    return take(evidence.train, np.concatenate(inside)), take(evidence.validation, np.concatenate(outside))


def attack(inside: F64, outside: F64) -> tuple[int, int]:
    """How many members and how many others are called members, by their distances; the limit is learned on one half
    and applied to the other, both ways."""
    hits = [0, 0]
    for half in (0, 1):
        limit = best_limit(inside[half::2], outside[half::2])
        hits[0] += int((inside[1 - half :: 2] <= limit).sum())
        hits[1] += int((outside[1 - half :: 2] <= limit).sum())
    return hits[0], hits[1]


def best_limit(inside: F64, outside: F64) -> float:
    """The distance limit with the largest true positive rate less false positive rate."""
    values = np.unique(np.concatenate([inside, outside]))
    right = np.searchsorted(np.sort(inside), values, side="right") / len(inside)
    wrong = np.searchsorted(np.sort(outside), values, side="right") / len(outside)
    return float(values[np.argmax(right - wrong)])


def _ledger(evidence: Evidence, gate: Privacy) -> CheckReport | None:
    """The epsilon that all steps together spend per real row, by basic composition (Dwork and Roth 2014, 3.16)."""
    spent = evidence.epsilons
    if gate.max_epsilon is None and all(epsilon is None for epsilon in spent.values()):
        return None
    target = "" if gate.max_epsilon is None else f"<= {gate.max_epsilon:g}"
    words = "Spent of one real row by all steps, as their transforms declare; scales and checks are not counted."
    open_ended = [step for step, epsilon in spent.items() if epsilon is None]
    details: list[Detail] = [
        {"of": f"step {step}", "observed": epsilon} for step, epsilon in spent.items() if epsilon is not None
    ]
    if open_ended:
        why = f"not differentially private: {', '.join(open_ended)} declares no epsilon"
        passed = gate.max_epsilon is None
        return answer("epsilon", gate, passed, None, target, words, error="" if passed else why, details=details)
    total = float(sum(epsilon for epsilon in spent.values() if epsilon is not None))
    passed = gate.max_epsilon is None or total <= gate.max_epsilon
    return answer("epsilon", gate, passed, total, target, words, details=details)


def _share_of_step(step: str, hits: int, rows: int) -> Detail:
    low, high = wilson(hits, rows)
    return {"of": f"step {step}", "observed": hits / rows, "interval": [low, high]}


def _by_step(measured: Measured, hit: NDArray[np.bool_]) -> list[Detail]:
    steps = np.unique(measured.steps)
    if len(steps) < 2:
        return []
    return [
        _share_of_step(str(step), int(hit[measured.steps == step].sum()), int((measured.steps == step).sum()))
        for step in steps
    ]


def _closest(measured: Measured, hit: NDArray[np.bool_]) -> list[dict[str, object]]:
    """The hits with the smallest distances, each with its closest real row."""
    at = np.flatnonzero(hit)
    worst = at[np.argsort(measured.ratios[at], kind="stable")][:SHOWN]
    return [
        {
            "sample_id": str(measured.ids[row]),
            "values": {"closest": str(measured.closest[row]), "ratio": round(float(measured.ratios[row]), 4)},
        }
        for row in worst
    ]
