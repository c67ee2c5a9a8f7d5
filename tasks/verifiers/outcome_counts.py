"""From score columns to figures: outcome counts per step, transform and class, and the one-row frame of figures.

Counts are additive over shards, so a shard returns a table of a few rows and never its children.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from augmill.tasks.verifiers.calibration import CONSISTENT, CONTRADICTED, OUTCOMES, TOO_FEW, UNFAMILIAR
from augmill.tasks.verifiers.conformal import Verifier

KEYS = ("step", "transform", "label")
REJECTED = "rejected"
"""Children dropped: contradicted, and not overruled by a reviewer."""


def tally(
    scores: pa.Table, steps: pa.Array, transforms: pa.Array, labels: pa.Array, overruled: pa.Array | None = None
) -> pa.Table:
    """Counts of one shard: one row per step, transform and class, one column per outcome and `rejected`."""
    outcome = scores["outcome"].combine_chunks()
    counts = {name: pc.equal(outcome, name).cast(pa.int64()) for name in OUTCOMES}
    accepted = pa.array([False] * len(scores), pa.bool_()) if overruled is None else overruled
    counts[REJECTED] = pc.and_(pc.equal(outcome, CONTRADICTED), pc.invert(accepted)).cast(pa.int64())
    return _sum_by_key(pa.table({"step": steps, "transform": transforms, "label": labels.cast(pa.string()), **counts}))


def merge(tallies: Sequence[pa.Table]) -> pa.Table:
    """Counts of all shards, sorted by step, transform and class."""
    return _sum_by_key(pa.concat_tables(tallies))


def rates(counts: pa.Table, verifier: Verifier) -> list[dict[str, Any]]:
    """Per step, transform and class: counts, rates before rows are dropped, and the noise floor of the class."""
    floor = {figures["label"]: figures for figures in verifier.noise_floor()}
    return [_with_rates(row) | {"noise_floor": floor.get(row["label"])} for row in counts.to_pylist()]


def figures(
    counts: pa.Table,
    verifier: Verifier | None,
    distribution: Mapping[str, float | None] | None = None,
) -> dict[str, float | None]:
    """The figures that expectations judge, by column name; None is "not measured", never zero.

    `floor_consistency_rate` is the rate of real rows of the same classes: a higher target can only be met by chance.
    `distribution` may add `copy_share`, `near_copy_share`, `coverage`, `out_of_range_share`, `class_share_gap`.
    """
    total = {name: pc.sum(counts[name]).as_py() or 0 for name in (*OUTCOMES, REJECTED)}
    rated = _with_rates(total)
    children = sum(total[name] for name in OUTCOMES)
    values: dict[str, float | None] = {
        "label_consistency_rate": rated["label_consistency_rate"],
        "drop_share": total[REJECTED] / children if children else None,
        "unfamiliar_share": rated["unfamiliar_share"],
        "too_few_share": total[TOO_FEW] / children if children else None,
    }
    if verifier is not None:
        values["verifier_accuracy"] = verifier.accuracy
        values["catch_rate"] = _worst_catch(verifier, _labels(counts))
        values["floor_consistency_rate"] = _floor_rate(counts, verifier)
    return values | dict(distribution or {})


def rejected(scores: pa.Table, sample_ids: pa.Array, overrule: Iterable[str] = ()) -> pa.Array:
    """True for children to drop: contradicted, and not overruled by id."""
    contradicted = pc.equal(scores["outcome"].combine_chunks(), CONTRADICTED)
    accepted = pc.is_in(sample_ids, value_set=pa.array(sorted(overrule), pa.string()))
    return pc.and_not(contradicted, accepted)


def _sum_by_key(table: pa.Table) -> pa.Table:
    names = [*OUTCOMES, REJECTED]
    summed = table.group_by(list(KEYS), use_threads=False).aggregate([(name, "sum") for name in names])
    renamed = summed.rename_columns({f"{name}_sum": name for name in names})
    return renamed.select([*KEYS, *names]).sort_by([(key, "ascending") for key in KEYS])


def _with_rates(row: Mapping[str, Any]) -> dict[str, Any]:
    judged = row[CONSISTENT] + row[CONTRADICTED] + row[UNFAMILIAR]
    return {
        **row,
        "judged": judged,
        "label_consistency_rate": 1.0 - row[CONTRADICTED] / judged if judged else None,
        "contradicted_rate": row[CONTRADICTED] / judged if judged else None,
        "unfamiliar_share": row[UNFAMILIAR] / judged if judged else None,
    }


def _floor_rate(counts: pa.Table, verifier: Verifier) -> float | None:
    alpha = {figures["label"]: figures["reached_alpha"] for figures in verifier.noise_floor()}
    judged = [(_with_rates(row)["judged"], alpha.get(row["label"], verifier.alpha)) for row in counts.to_pylist()]
    total = sum(count for count, _ in judged)
    return 1.0 - sum(count * share for count, share in judged) / total if total else None


def _labels(counts: pa.Table) -> set[str]:
    return set(counts["label"].to_pylist())


def _worst_catch(verifier: Verifier, labels: set[str]) -> float | None:
    caught = [f["catch_rate"] for f in verifier.noise_floor() if f["label"] in labels and not f["too_few"]]
    return min(caught) if caught else None
