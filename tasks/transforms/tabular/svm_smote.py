"""Puts new rows along the border that a support vector machine draws between the class and all others.

Support vectors crowded by other classes move towards a neighbour of their class; the safe ones move away from it,
by up to `out_step` of the distance, so that the class grows outwards (`weight` is then negative). Hurts where the
classes overlap widely: most rows are support vectors, and growing outwards invents rows inside other classes
(Nguyen, Cooper, Kamei 2009). Training takes time that grows with the square of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from augmill.policies.errors import DataError
from augmill.tasks.transforms.table import F64, I64, Block, Drawn, Pool, State, TableSpec
from augmill.tasks.transforms.tabular._neighbours import (
    KNeighbors,
    MNeighbors,
    draw_neighbour,
    foreign_counts,
    on_line,
    require_pool,
    require_rows,
    scaled,
    state_of,
    within_class,
)
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind

# Quadratic: 34,000 rows take a minute or two, 100,000 a quarter of an hour, a million a day.
MAX_ROWS = 100_000


class Params(Parameters):
    """How safety is judged, how wide a row looks for a partner, and how far the class may grow outwards."""

    k_neighbors: KNeighbors = 5
    m_neighbors: MNeighbors = 10
    out_step: float = Field(default=0.5, ge=0.0, le=1.0, description="Share of the distance, away from a neighbour.")


ACCEPTS = Accepts(missing="refused", columns="numeric")
BEHAVIOUR = Behaviour(origin="synthetic", fitted=True, first=True, pool="train", libraries=("scikit-learn",))


def risks(params: Params) -> dict[RiskKind, str]:
    """Growing outwards by more than the published half leaves the known distribution."""
    if params.out_step <= 0.5:
        return {}
    return {"extreme": f"out_step {params.out_step:g} puts rows further outside the class than the published 0.5"}


def fit(params: Params, pool: Pool) -> State:
    """Find the support vectors of the class, drop the noise, and tell those in danger from the safe ones."""
    use = "tabular.svm_smote"
    rows = require_rows(use, pool, params.k_neighbors)
    require_pool(use, pool, params.m_neighbors)
    _require_classes_and_time(pool, len(rows))
    points = scaled(pool.spec, pool.block)
    bases = _support(pool, points)
    foreign = foreign_counts(pool, points, bases, params.m_neighbors)
    bases, foreign = bases[foreign < params.m_neighbors], foreign[foreign < params.m_neighbors]
    if len(bases) == 0:
        raise DataError(
            f"tabular.svm_smote would make nothing: every support vector of class {pool.target_name!r} has only "
            f"neighbours of other classes.",
            "Use tabular.smote, or raise m_neighbors.",
            {"rule": "no_support_vector", "label": pool.target_name, "rows": len(rows)},
        )
    danger = 2 * foreign >= params.m_neighbors
    around = within_class(pool, points, bases, params.k_neighbors)
    steps = np.where(danger, 1.0, -params.out_step)
    return state_of(pool, bases, around, _even(danger), steps=steps)


def draw(params: Params, spec: TableSpec, state: State, seeds: I64, bases: I64) -> Drawn:
    """Draw the neighbour and the weight; a safe base's weight is negative."""
    places, chosen, weight = draw_neighbour(state, seeds, bases)
    partners = state["neighbours"][places, chosen][:, None]
    return {"partners": partners, "weight": weight * state["steps"][places]}


def apply(params: Params, spec: TableSpec, parents: Sequence[Block], draws: Drawn) -> Block:
    """Move from the base towards the neighbour, or away from it."""
    return on_line(parents, draws)


def _support(pool: Pool, points: F64) -> I64:
    """Support vectors of the class, as pool rows in rising order."""
    from sklearn.svm import SVC
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        support = SVC(gamma="scale").fit(points, pool.labels).support_
    return np.sort(support[pool.labels[support] == pool.target]).astype(np.int64)


def _even(danger: NDArray[np.bool_]) -> F64:
    """Half of the children from each side: imbalanced-learn draws that share once, from Beta(10, 10), mean 1/2."""
    side = danger.astype(np.int64)
    sizes = np.bincount(side, minlength=2)
    return np.asarray(1.0 / sizes[side] / np.count_nonzero(sizes), dtype=np.float64)


def _require_classes_and_time(pool: Pool, rows: int) -> None:
    if rows == len(pool.labels):
        raise DataError(
            f"tabular.svm_smote needs rows of a second class; all {rows} training rows are {pool.target_name!r}.",
            "Use tabular.smote, which looks at one class only.",
            {"rule": "one_class", "label": pool.target_name, "rows": rows},
        )
    if len(pool.labels) > MAX_ROWS:
        raise DataError(
            f"tabular.svm_smote would train a support vector machine on {len(pool.labels):,} rows, which takes hours; "
            f"its limit is {MAX_ROWS:,}.",
            "Use tabular.borderline_smote, which seeks the same border by neighbours.",
            {"rule": "too_many_rows", "rows": len(pool.labels), "limit": MAX_ROWS},
        )
