"""Puts new rows only around rows "in danger": those with at least half, but not all, neighbours of other classes.

`borderline-1` moves towards rows of the same class; `borderline-2` also towards rows of other classes, but less
than half-way, so that a child's second parent may carry another label. Hurts where the border between classes
is noise: it multiplies mislabelled rows (Han, Wang, Mao 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from augmill.policies.errors import DataError
from augmill.tasks.rows.randomness import uniforms
from augmill.tasks.transforms.table import F64, I64, Block, Drawn, Pool, State, TableSpec
from augmill.tasks.transforms.tabular._neighbours import (
    KNeighbors,
    MNeighbors,
    draw_neighbour,
    foreign_counts,
    nearest,
    on_line,
    require_pool,
    require_rows,
    scaled,
    state_of,
    within_class,
)
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters


class Params(Parameters):
    """How danger is judged (`m_neighbors`, any class) and how wide a row looks for a partner (`k_neighbors`)."""

    k_neighbors: KNeighbors = 5
    m_neighbors: MNeighbors = 10
    kind: Literal["borderline-1", "borderline-2"] = "borderline-1"


ACCEPTS = Accepts(missing="refused", columns="numeric")
BEHAVIOUR = Behaviour(origin="synthetic", fitted=True, first=True, pool="train")


def fit(params: Params, pool: Pool) -> State:
    """Find the rows in danger and their neighbours."""
    use = "tabular.borderline_smote"
    rows = require_rows(use, pool, params.k_neighbors)
    require_pool(use, pool, max(params.m_neighbors, params.k_neighbors))
    points = scaled(pool.spec, pool.block)
    danger = _in_danger(params, pool, points, rows)
    if params.kind == "borderline-1":
        around = within_class(pool, points, danger, params.k_neighbors)
    else:
        around = nearest(points, danger, params.k_neighbors)
    return state_of(pool, danger, around, foreign=pool.labels[around] != pool.target)


def draw(params: Params, spec: TableSpec, state: State, seeds: I64, bases: I64) -> Drawn:
    """Draw the neighbour and the weight; towards another class the weight is cut by a second draw below 1/2."""
    places, chosen, weight = draw_neighbour(state, seeds, bases)
    cut = np.where(state["foreign"][places, chosen], 0.5 * uniforms(seeds, "cut"), 1.0)
    return {"partners": state["neighbours"][places, chosen][:, None], "weight": weight * cut}


def apply(params: Params, spec: TableSpec, parents: Sequence[Block], draws: Drawn) -> Block:
    """Interpolate between base and neighbour."""
    return on_line(parents, draws)


def _in_danger(params: Params, pool: Pool, points: F64, rows: I64) -> I64:
    foreign = foreign_counts(pool, points, rows, params.m_neighbors)
    danger = rows[(2 * foreign >= params.m_neighbors) & (foreign < params.m_neighbors)]
    if len(danger) == 0:
        noise = int((foreign == params.m_neighbors).sum())
        raise DataError(
            f"tabular.borderline_smote would make nothing: of {len(rows)} rows of class {pool.target_name!r} none is "
            f"in danger ({noise} have only neighbours of other classes, {len(rows) - noise} mostly of their own).",
            "Use tabular.smote, which starts from every row, or change m_neighbors.",
            {"rule": "no_row_in_danger", "label": pool.target_name, "rows": len(rows), "noise": noise},
        )
    return np.asarray(danger, dtype=np.int64)
