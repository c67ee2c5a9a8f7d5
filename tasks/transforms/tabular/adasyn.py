"""Puts new rows where the class is hard to learn: a row is a base as often as its neighbours are of other classes.

Interpolates as `tabular.smote` does. Hurts where outliers or wrong labels lie deep in another class: they get the
most children (He, Bai, Garcia, Li 2008).
"""

from __future__ import annotations

from collections.abc import Sequence

from augmill.policies.errors import DataError
from augmill.tasks.transforms.table import I64, Block, Drawn, Pool, State, TableSpec
from augmill.tasks.transforms.tabular._neighbours import (
    KNeighbors,
    draw_on_line,
    foreign_counts,
    on_line,
    require_pool,
    require_rows,
    scaled,
    state_of,
    within_class,
)
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters


class Params(Parameters):
    """How many neighbours judge a row, and how many of its class it may meet (imbalanced-learn's `n_neighbors`)."""

    k_neighbors: KNeighbors = 5


ACCEPTS = Accepts(missing="refused", columns="numeric")
BEHAVIOUR = Behaviour(origin="synthetic", fitted=True, first=True, pool="train")


def fit(params: Params, pool: Pool) -> State:
    """Weigh each row by the share of other classes among its neighbours; find its neighbours of the same class."""
    rows = require_rows("tabular.adasyn", pool, params.k_neighbors)
    require_pool("tabular.adasyn", pool, params.k_neighbors)
    points = scaled(pool.spec, pool.block)
    foreign = foreign_counts(pool, points, rows, params.k_neighbors)
    if not foreign.any():
        raise DataError(
            f"tabular.adasyn would make nothing: no row of class {pool.target_name!r} has a row of another class "
            f"among its {params.k_neighbors} nearest.",
            "Use tabular.smote, which starts from every row, or raise k_neighbors.",
            {"rule": "no_row_is_hard", "label": pool.target_name, "rows": len(rows)},
        )
    around = within_class(pool, points, rows, params.k_neighbors)
    return state_of(pool, rows, around, foreign / foreign.sum())


def draw(params: Params, spec: TableSpec, state: State, seeds: I64, bases: I64) -> Drawn:
    """Draw the neighbour and the weight of each child."""
    return draw_on_line(state, seeds, bases)


def apply(params: Params, spec: TableSpec, parents: Sequence[Block], draws: Drawn) -> Block:
    """Interpolate between base and neighbour."""
    return on_line(parents, draws)
