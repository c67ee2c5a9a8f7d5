"""Privacy: how much of single real rows the new rows give away.

Copies are counted among all new rows. Distances are taken on the modality's scaled features, of a sample of new rows to
a sample of real training rows that holds all parents of the new ones; so that no sampling hides a row from its parent.
New rows are made beside real ones: whoever passes them on without the real rows learns here what they tell. DCR is the
distance to the closest record; the attack is that of Yeom et al. 2018 ("Privacy Risk in Machine Learning") by distance.
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
from augmill.tasks.gates.sample_ops import head, ids_of, joined, of_class, taken
from augmill.tasks.rows.randomness import generator
from augmill.tasks.stats import scaling
from augmill.tasks.stats.intervals import bootstrap, difference, effective, weighted_quantile, wilson
from augmill.tasks.stats.nearest import nearest

MOST_QUERIES = 2_000
"""Rows of a kind whose closest neighbour is looked for: a share is then known to about 2 points."""

FEWEST = 10
"""Held-out rows of a class below which nothing is said of the class."""

FEWEST_ATTACKED = 30
"""Held-out rows below which an attack would tell nothing: its interval would be wider than half a point."""

NEAR = 0.1
"""A near copy lies closer to a real row than a tenth of what held-out rows of its class keep (median)."""

SHOWN = 5


@dataclass(frozen=True)
class Measured:
    """Distances in units of what held-out rows of the class keep from training rows (median): 1 is as far as a fresh
    row. `ids` name the new rows, `closest` their closest training rows; `held_out` are the fresh rows' own."""

    ids: NDArray[np.str_]
    closest: NDArray[np.str_]
    steps: NDArray[np.str_]
    labels: NDArray[np.str_]
    weights: F64
    ratios: F64
    leaks: NDArray[np.bool_]
    held_out: Mapping[str, F64]


def judge(evidence: Evidence, asked: Privacy) -> list[CheckReport]:
    """Copies, near copies, distances, an attack, and what is spent of epsilon; nothing where no row is made."""
    if not evidence.policy.steps:
        return []
    if not evidence.made:
        return [too_few("privacy", asked, "", "no new row is left")]
    found = [_copies(evidence, asked)]
    children = head(evidence.children, MOST_QUERIES)
    parents = evidence.parents(children)
    why = "" if evidence.train.features.shape[1] else NO_FEATURE
    found += _distances(measure(evidence, children, parents), asked, evidence.policy.seed, why)
    found.append(_membership(evidence, asked, set(parents.labels.tolist())))
    ledger = _ledger(evidence, asked)
    return [*found, ledger] if ledger else found


def _copies(evidence: Evidence, asked: Privacy) -> CheckReport:
    copies, total = evidence.copies, sum(evidence.made.values())
    count = sum(len(ids) for ids in copies.values())
    made: dict[str, int] = {}
    for (step, _), rows in evidence.made.items():
        made[step] = made.get(step, 0) + rows
    details = [_part(step, len(ids), made[step]) for step, ids in copies.items() if ids]
    return answer(
        "exact_copies",
        asked,
        count / total <= asked.max_copy_share,
        count / total,
        f"<= {asked.max_copy_share:g}",
        f"New rows that equal a real training row in all features: {count:,} of {total:,}.",
        interval=wilson(count, total),
        details=details,
        failing=[{"sample_id": one} for ids in copies.values() for one in ids[:SHOWN]][:SHOWN],
    )


def measure(evidence: Evidence, children: Sample, parents: Sample) -> Measured:
    """How far the new rows are from the training rows, and whether a validation row lies closer than any of them."""
    references = joined(evidence.train, parents)
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
    """By class, how far rows that no step has seen are from the training rows.

    A class with too few validation rows is judged by its training rows, each against all others: a row that is left
    out is as good as one that was never there.
    """
    real, found = scale.apply(references.features), {}
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
            found[str(label)] = nearest(scale.apply(fresh.features), real, own)[0]
    return found


def _distances(measured: Measured, asked: Privacy, seed: int, blind: str = "") -> list[CheckReport]:
    """Near copies of training rows, of validation rows, and the distances as a whole; `blind`: why none is known."""
    near, far = f"<= {asked.max_near_copy_share:g}", f">= {asked.min_distance_ratio:g}"
    words = {
        "near_copies": f"New rows closer to a training row than {NEAR:g} of what held-out rows keep (median).",
        "held_out_near_copies": "New rows that near to a validation row, which no step may have seen, and to no other.",
        "distance_ratio": "Distance to the closest training row (DCR), over that of held-out rows of the class.",
    }
    if len(measured.ids) == 0:
        why = blind or f"no class of the new rows has {FEWEST} real rows to compare with"
        return [too_few(name, asked, far if name == "distance_ratio" else near, why, words[name]) for name in words]
    found = []
    for name, hit in (("near_copies", measured.ratios < NEAR), ("held_out_near_copies", measured.leaks)):
        share = float((measured.weights * hit).sum() / measured.weights.sum())
        told = answer(
            name,
            asked,
            share <= asked.max_near_copy_share,
            share,
            near,
            words[name],
            interval=wilson(share * effective(measured.weights), effective(measured.weights)),
            details=_by_step(measured, hit),
            failing=_closest(measured, hit),
        )
        found.append(told)
    return [*found, _ratio(measured, asked, far, words["distance_ratio"], seed)]


def _ratio(measured: Measured, asked: Privacy, target: str, words: str, seed: int) -> CheckReport:
    ratio = weighted_quantile(measured.ratios, measured.weights, 0.5)
    details: list[Detail] = []
    for label in sorted(measured.held_out):
        mine = measured.labels == label
        if mine.any():
            median = weighted_quantile(measured.ratios[mine], measured.weights[mine], 0.5)
            details.append({"of": f"class {label}" if label else "all", "observed": median})
    return answer(
        "distance_ratio",
        asked,
        ratio >= asked.min_distance_ratio,
        ratio,
        target,
        words,
        interval=bootstrap(partial(_redrawn, measured), generator(seed, "distance_ratio")),
        details=details if len(details) > 1 else (),
    )


def _redrawn(measured: Measured, random: np.random.Generator) -> float:
    """The ratio of one bootstrap draw: of the new rows, and of the held-out rows that set the unit of each class."""
    at = random.integers(0, len(measured.ratios), len(measured.ratios))
    ratios = measured.ratios[at]
    for label, own in measured.held_out.items():
        unit = np.median(own[random.integers(0, len(own), len(own))])
        ratios[measured.labels[at] == label] /= unit if unit > 0.0 else 1.0
    return weighted_quantile(ratios, measured.weights[at], 0.5)


def _membership(evidence: Evidence, asked: Privacy, exposed: set[str]) -> CheckReport:
    """Ask of real rows whether they were used, by how near a new row is: of as many that were as of those that were
    not, class by class. The distance that decides is learned on one half of them and tried on the other."""
    target = f"<= {asked.max_membership_advantage:g}"
    words = "Attack: true less false positive rate of telling training from held-out rows by the closest new row."
    if not evidence.train.features.shape[1]:
        return too_few("membership_advantage", asked, target, NO_FEATURE, words)
    members, others = _matched(evidence, exposed)
    if len(others) < FEWEST_ATTACKED:
        why = f"{len(others)} validation rows of the classes that new rows are made of, {FEWEST_ATTACKED} are needed"
        return too_few("membership_advantage", asked, target, why, words)
    scale = scaling.fit(evidence.train.features)
    made = np.concatenate([evidence.children.features, evidence.children_of(ids_of(members))])
    new = scale.apply(made)
    inside, _ = nearest(scale.apply(members.features), new)
    outside, _ = nearest(scale.apply(others.features), new)
    hits, rows = attack(inside, outside), (len(inside), len(outside))
    advantage = hits[0] / rows[0] - hits[1] / rows[1]
    return answer(
        "membership_advantage",
        asked,
        advantage <= asked.max_membership_advantage,
        advantage,
        target,
        words,
        interval=difference(hits, rows),
    )


def _matched(evidence: Evidence, exposed: set[str]) -> tuple[Sample, Sample]:
    """As many training as validation rows of each class that new rows descend from, at most `MOST_QUERIES` in all."""
    inside, outside = [], []
    for label in sorted(exposed):
        members = np.flatnonzero(evidence.train.labels == label)
        others = np.flatnonzero(evidence.validation.labels == label)
        count = min(len(members), len(others), MOST_QUERIES // len(exposed))
        inside.append(members[:count])
        outside.append(others[:count])
    return taken(evidence.train, np.concatenate(inside)), taken(evidence.validation, np.concatenate(outside))


def attack(inside: F64, outside: F64) -> tuple[int, int]:
    """Of distances of members and of others, how many of each are called members; by halves, so that nothing is
    tried on what it was learned from."""
    hits = [0, 0]
    for half in (0, 1):
        limit = best_limit(inside[half::2], outside[half::2])
        hits[0] += int((inside[1 - half :: 2] <= limit).sum())
        hits[1] += int((outside[1 - half :: 2] <= limit).sum())
    return hits[0], hits[1]


def best_limit(inside: F64, outside: F64) -> float:
    """The distance up to which calling a row a member is right most often."""
    values = np.unique(np.concatenate([inside, outside]))
    right = np.searchsorted(np.sort(inside), values, side="right") / len(inside)
    wrong = np.searchsorted(np.sort(outside), values, side="right") / len(outside)
    return float(values[np.argmax(right - wrong)])


def _ledger(evidence: Evidence, asked: Privacy) -> CheckReport | None:
    """What the steps spend of any one person's epsilon: sums by basic composition (Dwork and Roth 2014, 3.16)."""
    spent = evidence.epsilons
    if asked.max_epsilon is None and all(one is None for one in spent.values()):
        return None
    target = "" if asked.max_epsilon is None else f"<= {asked.max_epsilon:g}"
    words = "Spent of one real row by all steps, as their transforms declare; scales and checks are not counted."
    open_ended = [step for step, one in spent.items() if one is None]
    details: list[Detail] = [{"of": f"step {step}", "observed": one} for step, one in spent.items() if one is not None]
    if open_ended:
        why = f"not differentially private: {', '.join(open_ended)} declares no epsilon"
        passed = asked.max_epsilon is None
        return answer("epsilon", asked, passed, None, target, words, error="" if passed else why, details=details)
    total = float(sum(one for one in spent.values() if one is not None))
    passed = asked.max_epsilon is None or total <= asked.max_epsilon
    return answer("epsilon", asked, passed, total, target, words, details=details)


def _part(step: str, hits: int, rows: int) -> Detail:
    low, high = wilson(hits, rows)
    return {"of": f"step {step}", "observed": hits / rows, "interval": [low, high]}


def _by_step(measured: Measured, hit: NDArray[np.bool_]) -> list[Detail]:
    steps = np.unique(measured.steps)
    if len(steps) < 2:
        return []
    return [
        _part(str(step), int(hit[measured.steps == step].sum()), int((measured.steps == step).sum())) for step in steps
    ]


def _closest(measured: Measured, hit: NDArray[np.bool_]) -> list[dict[str, object]]:
    """The hits that lie closest, with the real row they are beside."""
    at = np.flatnonzero(hit)
    worst = at[np.argsort(measured.ratios[at], kind="stable")][:SHOWN]
    return [
        {
            "sample_id": str(measured.ids[one]),
            "values": {"closest": str(measured.closest[one]), "ratio": round(float(measured.ratios[one]), 4)},
        }
        for one in worst
    ]
