"""Rows of a table: numbers, categories and booleans as features, everything else carried along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augmill.policies.errors import DataError
from augmill.policies.schema import Policy
from augmill.tasks.modalities._tabular_blocks import block_of, table_of
from augmill.tasks.modalities._tabular_chain import Firing, apply_chain, check_order, draw_chain, replay
from augmill.tasks.modalities._tabular_describe import describe, merge, spec_from_json, spec_to_json, tally
from augmill.tasks.modalities._tabular_records import Parents, label_weights, ops_text
from augmill.tasks.modalities.modality_contract import I64, Arrays, ChildSpecs, Loader, Op, PoolIndex, Recorded
from augmill.tasks.rows.identity import content_words, like_columns
from augmill.tasks.rows.provenance import LABEL_WEIGHTS, OPS, PARENT_IDS
from augmill.tasks.transforms.table import Block, Pool, TableSpec
from augmill.tasks.transforms.transform_contract import Accepts

__all__ = [
    "POOLED",
    "SHARD_ROWS",
    "appearance",
    "bounds",
    "children",
    "describe",
    "facts",
    "feature_columns",
    "features",
    "fit",
    "merge",
    "rebuild",
    "refusals",
    "spec_from_json",
    "spec_to_json",
    "tally",
    "warm",
]

SHARD_ROWS = 100_000
POOLED = True

_ROWS_AT_ONCE = 65_536


def facts(policy: Policy, rows: pa.Table) -> pa.Table:
    """A `fault` column, all null: a row that could be read as a table row is usable until the suite says no."""
    return pa.table({"fault": pa.nulls(rows.num_rows, pa.string())})


def refusals(op: Op, description: Mapping[str, Any]) -> list[str]:
    """Why `op` cannot take this table, one sentence each with the remedy; empty if it can."""
    spec, accepts = spec_from_json(description), accepts_of(op)
    reasons = [*_wrong_columns(accepts.columns, spec), *_missing(accepts.missing, spec)]
    if not (spec.numeric or spec.categorical) and not op.module.BEHAVIOUR.copies:
        reasons = ["no column is a feature (all are carried along), so there is nothing to change; check `ignore`"]
    own = getattr(op.module, "refusals", None)
    return reasons if own is None else [*reasons, *own(op.params, spec)]


def fit(ops: Sequence[Op], description: Mapping[str, Any], pool: PoolIndex, load: Loader) -> Arrays:
    """Weights of the pool's rows as bases, and what the fitted transforms learn as `<position>/<name>`.

    Raises DataError with advice where the class has too few rows, PolicyError where the chain is out of order.
    """
    check_order(ops)
    labels = pa.array(pool.labels, type=pa.string()).dictionary_encode()
    codes = labels.indices.to_numpy().astype(np.int64)
    target = labels.dictionary.index(pa.scalar(pool.target, pa.string())).as_py()
    weights = (codes == target).astype(np.float64)
    if not weights.any():
        raise DataError(
            f"Class {pool.target!r} has no training row to make children of.",
            "Check `only`, or the split: every class needs a row in train.",
            {"rule": "class_too_small", "label": pool.target, "rows": 0},
        )
    arrays: dict[str, NDArray[Any]] = {}
    for position, op in enumerate(ops):
        if op.module.BEHAVIOUR.fitted:
            spec = spec_from_json(description)
            block = _load_block(spec, len(pool.ids), load)
            learned = dict(
                op.module.fit(op.params, Pool(spec, block, codes, target, pool.target, pool.count, pool.seed))
            )
            weights = weights * learned.pop("weights")
            arrays |= {f"{position}/{name}": array for name, array in learned.items()}
    return {**arrays, "weights": weights}


def children(
    ops: Sequence[Op],
    description: Mapping[str, Any],
    pool: PoolIndex,
    state: Arrays,
    births: ChildSpecs,
    load: Loader,
) -> pa.Table:
    """Make the children of `births`: user columns as in the pool, then parents, ops and label shares."""
    spec = spec_from_json(description)
    firings = draw_chain(ops, spec, state, len(pool.ids), births)
    return _make_rows(ops, spec, pool, births.bases, firings, load)


def rebuild(
    ops: Sequence[Op],
    description: Mapping[str, Any],
    parents: pa.Table,
    who: PoolIndex,
    recorded: Recorded,
) -> pa.Table:
    """Published children again, from their parents' rows; see `Modality.rebuild`."""
    spec = spec_from_json(description)
    firings = replay(ops, spec, recorded)
    return _make_rows(ops, spec, who, recorded.bases, firings, lambda rows: parents.take(pa.array(rows)))


def warm(ops: Sequence[Op]) -> None:
    """Import what finds neighbours, where a transform asks for them."""
    if any(op.module.BEHAVIOUR.fitted for op in ops):
        import sklearn.neighbors  # noqa: F401


def features(description: Mapping[str, Any], rows: pa.Table) -> NDArray[np.float64]:
    """Numbers in standard deviations from the mean (0 where missing), then one column per frequent category."""
    spec = spec_from_json(description)
    block = block_of(spec, rows)
    centres = np.array([column.centre for column in spec.numeric], dtype=np.float64)
    numbers = (block.numeric - centres) / spec.scales
    numbers[~np.isfinite(numbers)] = 0.0
    coded = zip(block.codes.T, spec.categorical, strict=True)
    hot = [codes[:, None] == np.array(column.frequent, dtype=np.int32) for codes, column in coded]
    return np.hstack([numbers, *hot]).astype(np.float64)


def _make_rows(
    ops: Sequence[Op], spec: TableSpec, pool: PoolIndex, bases: I64, firings: Sequence[Firing], load: Loader
) -> pa.Table:
    parents = Parents(bases, firings)
    needed, places = np.unique(parents.rows, return_inverse=True)
    real = load(needed)
    local = [_among(needed, firing) for firing in firings]
    base_rows = places[parents.offsets[:-1]].astype(np.int64)
    block = apply_chain(ops, spec, block_of(spec, real), base_rows, local)
    table = table_of(spec, block, real, base_rows)
    return (
        table.append_column(PARENT_IDS, parents.ids(pool.ids))
        .append_column(OPS, ops_text(ops, firings, parents, len(bases)))
        .append_column(LABEL_WEIGHTS, label_weights(ops, firings, parents, pool.labels))
    )


def _among(needed: I64, firing: Firing) -> Firing:
    """The firing with its partners as rows of the loaded table."""
    if "partners" not in firing.draws:
        return firing
    partners = np.searchsorted(needed, firing.partners)
    return Firing(firing.position, firing.rows, {**firing.draws, "partners": partners})


def _load_block(spec: TableSpec, size: int, load: Loader) -> Block:
    """All rows of the pool, read in pieces so that the Arrow copy never holds them all."""
    block = Block(np.empty((size, len(spec.numeric))), np.empty((size, len(spec.categorical)), dtype=np.int32))
    for start in range(0, size, _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, size))
        part = block_of(spec, load(rows))
        block.numeric[rows], block.codes[rows] = part.numeric, part.codes
    return block


def accepts_of(op: Op) -> Accepts:
    """What the transform takes with its parameters."""
    declared = getattr(op.module, "accepts", None)
    return op.module.ACCEPTS if declared is None else declared(op.params)  # type: ignore[no-any-return]


def _wrong_columns(required: str, spec: TableSpec) -> list[str]:
    if required == "numeric" and spec.categorical:
        return [
            f"it takes numbers only, and {_names(spec.categorical)} hold categories; use tabular.smotenc, or list "
            f"these columns under `ignore`"
        ]
    if required == "categorical" and spec.numeric:
        return [
            f"it takes categories only, and {_names(spec.numeric)} hold numbers; use tabular.smotenc, or list these "
            f"columns under `ignore`"
        ]
    if required in ("numeric", "mixed") and not spec.numeric:
        return ["it needs at least one numeric feature; use tabular.random_oversample or tabular.feature_dropout"]
    if required == "mixed" and not spec.categorical:
        return ["it needs at least one categorical feature, and all are numeric; use tabular.smote"]
    return []


def _missing(missing: str, spec: TableSpec) -> list[str]:
    holes = [column for column in spec.columns if column.missing]
    if missing == "kept" or not holes:
        return []
    return [
        f"it cannot take missing values, and {_names(holes)} have some; fill them at the source, list these columns "
        f"under `ignore`, or use tabular.gaussian_noise, tabular.feature_dropout or tabular.random_oversample"
    ]


def _names(columns: Sequence[Any]) -> str:
    listed = ", ".join(column.name for column in columns[:5])
    return f"{listed} and {len(columns) - 5} more" if len(columns) > 5 else listed


def appearance(policy: Policy, rows: pa.Table) -> NDArray[np.uint64]:
    """Two words per row from its features and label; ids and carried columns the policy names make no difference."""
    return content_words(rows, like_columns(policy, rows.column_names))


def feature_columns(description: Mapping[str, Any]) -> list[str]:
    """Names of the numbers and categories."""
    spec = spec_from_json(description)
    return [column.name for column in (*spec.numeric, *spec.categorical)]


def bounds(description: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of every numeric feature."""
    return {column.name: (column.low, column.high) for column in spec_from_json(description).numeric}
