"""The collapse gate: synthetic rows must not be made from synthetic rows, outnumber the real ones or cut their tails.

Models that are trained on the output of models first lose the tails, then the rest (Shumailov et al. 2024, "AI models
collapse when trained on recursively generated data"); together with real rows, synthetic ones do no such harm
(Gerstgrasser et al. 2024, "Is model collapse inevitable?"). So new rows must descend from collected rows, and the gate
reports the share of real rows.
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
"""A tail has the size set by the policy, or a larger one where it would hold fewer rows of the class than this."""

LONGEST_TAIL = 0.25
DIGITS = 6


def judge(evidence: Evidence, gate: Collapse) -> list[CheckReport]:
    """One report per figure that has a target; none if the policy makes no rows."""
    if not evidence.policy.steps:
        return []
    marked = synthetic_marker.read(evidence, gate)
    reports = [_generations(marked, gate), _learned_from(evidence, marked, gate), *_shares(evidence, marked, gate)]
    if gate.max_tail_loss is not None:
        reports.append(_tails(evidence, gate, gate.max_tail_loss))
    return reports


def _generations(marked: synthetic_marker.Marked, gate: Collapse) -> CheckReport:
    """The generation of the new rows: one more than that of the deepest row of the source."""
    depth = marked.deepest + 1
    words = "Generations of made rows: 1 are children of rows that were collected."
    return answer("generations", gate, depth <= gate.max_depth, depth, f"<= {gate.max_depth}", words)


def _learned_from(evidence: Evidence, marked: synthetic_marker.Marked, gate: Collapse) -> CheckReport:
    """Synthetic rows that steps were fitted on: made by this pipeline, or marked as synthetic in the source."""
    other_ids = evidence.fitted_on_others
    count, most = len(other_ids) + len(marked.ids), gate.max_synthetic_fitted
    words = f"Made rows that steps learned from; {marked.words}."
    details: list[Detail] = (
        [{"of": "rows of other than real training files", "observed": len(other_ids)}] if other_ids else []
    )
    failing = [{"sample_id": name} for name in [*other_ids, *marked.ids][:SHOWN]]
    success = count <= most
    return answer(
        "made_rows_learned_from",
        gate,
        success,
        count,
        f"<= {most}",
        words,
        details=details,
        failing=() if success else failing,
    )


def _shares(evidence: Evidence, marked: synthetic_marker.Marked, gate: Collapse) -> list[CheckReport]:
    """The share of real rows among the training rows, and the number of synthetic rows per real row."""
    real = sum(evidence.real.values()) - len(marked.ids)
    new = sum(evidence.made.values()) + len(marked.ids)
    least, most, reports = gate.min_real_share, gate.max_synthetic_per_real, []
    if least is not None:
        share, words = round(real / (real + new), DIGITS), "Real rows of all training rows."
        reports.append(answer("real_share", gate, share >= least, share, f">= {least:g}", words))
    if most is not None:
        ratio, words = round(new / max(real, 1), DIGITS), "Made training rows per real one."
        reports.append(answer("made_rows_per_real_row", gate, ratio <= most, ratio, f"<= {most:g}", words))
    return reports


@dataclass(frozen=True)
class Tail:
    """The share of the weight beyond an outer quantile of the real rows that is lost when the new rows are added, with
    its interval from `low` to `high`."""

    of: str
    loss: float
    low: float
    high: float


def _tails(evidence: Evidence, gate: Collapse, most: float) -> CheckReport:
    """The tail with the largest lower bound of its loss, over all classes that have new rows and all their features.

    The gate fails only if the lower bound is above the limit: among very many tails, some look short by chance.
    """
    name, target = "tail_loss", f"<= {most:g}"
    words = "Weight beyond the outer quantiles of real rows that is lost once new rows are in; the worst tail."
    losses = tails(evidence.train, evidence.children, evidence.policy, gate.tail) if len(evidence.children) else []
    if not losses:
        why = f"no class that rows were made for has {round(FEWEST_IN_TAIL / LONGEST_TAIL)} real rows and a tail."
        return too_few(name, gate, target, why, words)
    worst = sorted(losses, key=lambda tail: (-tail.low, tail.of))
    details: list[Detail] = [
        {"of": tail.of, "observed": tail.loss, "interval": [tail.low, tail.high], "word": "lost"}
        for tail in worst[:SHOWN]
        if tail.low > 0.0
    ]
    first = worst[0]
    between = first.low, first.high
    return answer(name, gate, first.low <= most, first.loss, target, words, interval=between, details=details)


def tails(train: Sample, children: Sample, policy: Policy, tail: float) -> list[Tail]:
    """Both tails of every class and feature that can be judged."""
    real, new = _number_columns(train, policy), _number_columns(children, policy)
    return [
        class_tail
        for label in np.unique(children.labels)
        for feature in real
        if feature in new
        for class_tail in _class_tails(train, children, str(label), feature, real[feature], new[feature], tail)
    ]


def _class_tails(
    train: Sample, children: Sample, label: str, feature: str, real: F64, new: F64, tail: float
) -> list[Tail]:
    in_class, new_in_class = (train.labels == label) & ~np.isnan(real), (children.labels == label) & ~np.isnan(new)
    if in_class.sum() * LONGEST_TAIL < FEWEST_IN_TAIL or not new_in_class.any():
        return []
    outer = max(tail, FEWEST_IN_TAIL / in_class.sum())
    before, after = train.weights[in_class], children.weights[new_in_class]
    share = after.sum() / (before.sum() + after.sum())
    # Children of one parent lie close together: they count as one independent row.
    independent = min(
        new_in_class.sum(),
        len(pc.unique(children.rows[PARENT_IDS].filter(pa.array(new_in_class)).combine_chunks().flatten())),
    )
    class_tails = []
    for side, sign in (("low", -1.0), ("high", 1.0)):
        edge = weighted_quantile(sign * real[in_class], before, 1.0 - outer)
        real_share = float(before @ (sign * real[in_class] > edge)) / before.sum()
        if real_share >= outer / 4.0:  # otherwise many rows share the quantile's value, and few lie beyond it
            new_share = float(after @ (sign * new[new_in_class] > edge)) / after.sum()
            least, most = wilson(new_share * independent, independent)
            losses = [round(float(share * (1.0 - part / real_share)), DIGITS) for part in (new_share, most, least)]
            class_tails.append(Tail(f"class {label}, {feature}, {side} end", *losses))
    return class_tails


def _number_columns(sample: Sample, policy: Policy) -> Mapping[str, F64]:
    """The features by name: the table's number columns, or the verifier's features if it has none."""
    excluded = {policy.label, policy.key, policy.split.group, policy.split.column, *policy.ignore, *NAMES}
    fields = [field for field in sample.rows.schema if field.name not in excluded and _is_number(field.type)]
    columns = {
        field.name: pc.cast(sample.rows[field.name], pa.float64()).fill_null(float("nan")).to_numpy()
        for field in fields
    }
    return columns or {f"feature {at}": column for at, column in enumerate(sample.features.T)}


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
