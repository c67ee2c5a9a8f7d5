"""The collapse guard: made rows must not feed on made rows, crowd out the real ones or cut their tails.

Models that are trained on what models have made lose first the tails, then the rest (Shumailov et al. 2024, "AI models
collapse when trained on recursively generated data"); beside real rows, made ones do no such harm (Gerstgrasser et al.
2024, "Is model collapse inevitable?"). So what is made must descend from what was collected, and the share of real rows
be kept in sight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.policies.gates import Collapse
from augmill.policies.schema import Policy
from augmill.tasks.documents.report_document import CheckReport, Detail
from augmill.tasks.gates import synthetic_marker
from augmill.tasks.gates.gate_contract import F64, Evidence, Sample, answer, too_few
from augmill.tasks.rows.provenance import NAMES, PARENT_IDS
from augmill.tasks.stats.intervals import weighted_quantile, wilson

SHOWN = 20
FEWEST_IN_TAIL = 5
"""A tail is as long as the policy says, or longer where it would hold fewer rows of the class than that."""

LONGEST_TAIL = 0.25
DIGITS = 6


def judge(evidence: Evidence, asked: Collapse) -> list[CheckReport]:
    """One answer per figure that has a target; none where the policy makes no rows."""
    if not evidence.policy.steps:
        return []
    marked = synthetic_marker.read(evidence, asked)
    found = [_generations(marked, asked), _fitted(evidence, marked, asked), *_shares(evidence, marked, asked)]
    if asked.max_tail_loss is not None:
        found.append(_tails(evidence, asked, asked.max_tail_loss))
    return found


def _generations(marked: synthetic_marker.Marked, asked: Collapse) -> CheckReport:
    """New rows are one generation further than the deepest row of the source."""
    depth = marked.deepest + 1
    words = "Generations of made rows: 1 are children of rows that were collected."
    return answer("generations", asked, depth <= asked.max_depth, depth, f"<= {asked.max_depth}", words)


def _fitted(evidence: Evidence, marked: synthetic_marker.Marked, asked: Collapse) -> CheckReport:
    """Rows that steps learned from, and that were made: by this pipeline, or as the source says."""
    ours = evidence.fitted_on_others
    count, most = len(ours) + len(marked.made), asked.max_synthetic_fitted
    words = f"Made rows that steps learned from; {marked.words}."
    details: list[Detail] = [{"of": "rows of other than real training files", "observed": len(ours)}] if ours else []
    failing = [{"sample_id": name} for name in [*ours, *marked.made][:SHOWN]]
    kept = count <= most
    return answer(
        "made_rows_learned_from",
        asked,
        kept,
        count,
        f"<= {most}",
        words,
        details=details,
        failing=() if kept else failing,
    )


def _shares(evidence: Evidence, marked: synthetic_marker.Marked, asked: Collapse) -> list[CheckReport]:
    """How much of the training rows is real."""
    real = sum(evidence.real.values()) - len(marked.made)
    made = sum(evidence.made.values()) + len(marked.made)
    least, most, found = asked.min_real_share, asked.max_synthetic_per_real, []
    if least is not None:
        share, words = round(real / (real + made), DIGITS), "Real rows of all training rows."
        found.append(answer("real_share", asked, share >= least, share, f">= {least:g}", words))
    if most is not None:
        each, words = round(made / max(real, 1), DIGITS), "Made training rows per real one."
        found.append(answer("made_rows_per_real_row", asked, each <= most, each, f"<= {most:g}", words))
    return found


@dataclass(frozen=True)
class Tail:
    """How much of the weight beyond an outer quantile of real rows is gone once the new rows are in; between `low` and
    `high`, as far as the sample can say."""

    of: str
    loss: float
    low: float
    high: float


def _tails(evidence: Evidence, asked: Collapse, most: float) -> CheckReport:
    """The tail that has surely lost most, of all classes that rows were made for, and all their features.

    It fails where that much is surely lost: of very many tails, some will look short by chance.
    """
    name, target = "tail_loss", f"<= {most:g}"
    words = "Weight beyond the outer quantiles of real rows that is lost once new rows are in; the worst tail."
    found = tails(evidence.train, evidence.children, evidence.policy, asked.tail) if len(evidence.children) else []
    if not found:
        why = f"no class that rows were made for has {round(FEWEST_IN_TAIL / LONGEST_TAIL)} real rows and a tail."
        return too_few(name, asked, target, why, words)
    worst = sorted(found, key=lambda tail: (-tail.low, tail.of))
    details: list[Detail] = [
        {"of": tail.of, "observed": tail.loss, "interval": [tail.low, tail.high], "word": "lost"}
        for tail in worst[:SHOWN]
        if tail.low > 0.0
    ]
    first = worst[0]
    between = first.low, first.high
    return answer(name, asked, first.low <= most, first.loss, target, words, interval=between, details=details)


def tails(train: Sample, children: Sample, policy: Policy, tail: float) -> list[Tail]:
    """Both tails of every class and feature that can be judged."""
    real, made = _numbers(train, policy), _numbers(children, policy)
    return [
        found
        for label in np.unique(children.labels)
        for feature in real
        if feature in made
        for found in _of_class(train, children, str(label), feature, real[feature], made[feature], tail)
    ]


def _of_class(
    train: Sample, children: Sample, label: str, feature: str, real: F64, made: F64, tail: float
) -> list[Tail]:
    mine, theirs = (train.labels == label) & ~np.isnan(real), (children.labels == label) & ~np.isnan(made)
    if mine.sum() * LONGEST_TAIL < FEWEST_IN_TAIL or not theirs.any():
        return []
    outer = max(tail, FEWEST_IN_TAIL / mine.sum())
    before, after = train.weights[mine], children.weights[theirs]
    share = after.sum() / (before.sum() + after.sum())
    # Children of one parent lie close together: they know no more than their parents do.
    known = min(
        theirs.sum(), len(pc.unique(children.rows[PARENT_IDS].filter(pa.array(theirs)).combine_chunks().flatten()))
    )
    found = []
    for side, sign in (("low", -1.0), ("high", 1.0)):
        edge = weighted_quantile(sign * real[mine], before, 1.0 - outer)
        held = float(before @ (sign * real[mine] > edge)) / before.sum()
        if held >= outer / 4.0:  # else the quantile is a value that many rows share, and nothing lies beyond it
            reached = float(after @ (sign * made[theirs] > edge)) / after.sum()
            least, most = wilson(reached * known, known)
            lost = [round(float(share * (1.0 - one / held)), DIGITS) for one in (reached, most, least)]
            found.append(Tail(f"class {label}, {feature}, {side} end", *lost))
    return found


def _numbers(sample: Sample, policy: Policy) -> Mapping[str, F64]:
    """The features by name: the table's columns of numbers, or where there are none what the verifier sees."""
    apart = {policy.label, policy.key, policy.split.group, policy.split.column, *policy.ignore, *NAMES}
    fields = [field for field in sample.rows.schema if field.name not in apart and _is_number(field.type)]
    found = {
        field.name: pc.cast(sample.rows[field.name], pa.float64()).fill_null(float("nan")).to_numpy()
        for field in fields
    }
    return found or {f"feature {at}": column for at, column in enumerate(sample.features.T)}


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
