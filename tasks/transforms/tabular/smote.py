"""Puts a new row at a random point of the line between a row and one of its nearest rows of the same class.

Hurts where the class is not convex between neighbours: classes in several islands, features that only make
sense as whole codes, and classes of a few rows, whose neighbours are far away (Chawla et al. 2002).
"""

from __future__ import annotations

from collections.abc import Sequence

from augmill.tasks.transforms.table import I64, Block, Drawn, Pool, State, TableSpec
from augmill.tasks.transforms.tabular._neighbours import (
    KNeighbors,
    draw_on_line,
    on_line,
    require_rows,
    scaled,
    state_of,
    within_class,
)
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters


class Params(Parameters):
    """How wide a row looks for a partner."""

    k_neighbors: KNeighbors = 5


ACCEPTS = Accepts(missing="refused", columns="numeric")
BEHAVIOUR = Behaviour(origin="synthetic", fitted=True, first=True)


def fit(params: Params, pool: Pool) -> State:
    """Find the nearest rows of the class for each of its rows."""
    rows = require_rows("tabular.smote", pool, params.k_neighbors)
    return state_of(pool, rows, within_class(pool, scaled(pool.spec, pool.block), rows, params.k_neighbors))


def draw(params: Params, spec: TableSpec, state: State, seeds: I64, bases: I64) -> Drawn:
    """Draw the neighbour and the weight of each child."""
    return draw_on_line(state, seeds, bases)


def apply(params: Params, spec: TableSpec, parents: Sequence[Block], draws: Drawn) -> Block:
    """Interpolate between base and neighbour."""
    return on_line(parents, draws)
