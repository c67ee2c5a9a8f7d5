"""Interpolates numbers as `tabular.smote` does and lets all neighbours vote on every category.

For tables with both kinds of column. Hurts where categories must agree with each other (city and country): each
column is voted on alone, so the child may combine what no row combines; and rare categories never win a vote
(Chawla et al. 2002, section 6.1). A vote that ends in a tie is decided by the recorded draw `tie`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from augmill.tasks.rows.randomness import bits, uniforms
from augmill.tasks.transforms.table import F64, I32, I64, Block, Drawn, Pool, State, TableSpec
from augmill.tasks.transforms.tabular._neighbours import (
    KNeighbors,
    draw_neighbour,
    nearest,
    require_rows,
    scaled,
    state_of,
)
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters


class Params(Parameters):
    """How wide a row looks for a partner, and how many rows vote."""

    k_neighbors: KNeighbors = 5


ACCEPTS = Accepts(missing="refused", columns="mixed")
BEHAVIOUR = Behaviour(origin="synthetic", fitted=True, first=True)


def fit(params: Params, pool: Pool) -> State:
    """Find the nearest rows of the class; a differing category costs the median deviation of the numbers."""
    rows = require_rows("tabular.smotenc", pool, params.k_neighbors)
    block = pool.block.take(rows)
    numbers = scaled(pool.spec, block)
    price = float(np.median(numbers.std(axis=0)))
    points = np.hstack([numbers, *(_one_hot(codes) * (price / np.sqrt(2.0)) for codes in block.codes.T)])
    return state_of(pool, rows, rows[nearest(points, np.arange(len(rows)), params.k_neighbors)])


def draw(params: Params, spec: TableSpec, state: State, seeds: I64, bases: I64) -> Drawn:
    """Draw which neighbour to move towards (0 is the nearest), how far, and the seed that decides ties."""
    places, chosen, weight = draw_neighbour(state, seeds, bases)
    tie = (bits(seeds, "tie") >> np.uint64(11)).astype(np.int64)
    return {"partners": state["neighbours"][places], "neighbour": chosen, "weight": weight, "tie": tie}


def apply(params: Params, spec: TableSpec, parents: Sequence[Block], draws: Drawn) -> Block:
    """Interpolate the numbers with one neighbour, vote on the categories with all."""
    base, voters = parents[0], parents[1:]
    partner = np.empty_like(base.numeric)
    for place, voter in enumerate(voters):
        chosen = draws["neighbour"] == place
        partner[chosen] = voter.numeric[chosen]
    numeric = base.numeric + draws["weight"][:, None] * (partner - base.numeric)
    luck = uniforms(draws["tie"], "tie", base.codes.shape[1])
    ballots = (np.stack([voter.codes[:, j] for voter in voters], axis=1) for j in range(base.codes.shape[1]))
    return Block(numeric, np.stack([_vote(ballot, luck[:, j]) for j, ballot in enumerate(ballots)], axis=1))


def _one_hot(codes: I32) -> F64:
    """Only categories that the class has get a column; the others cannot change a distance."""
    present = np.unique(codes)
    return np.asarray(codes[:, None] == present[None, :], dtype=np.float64)


def _vote(ballot: I32, luck: F64) -> I32:
    """The commonest code of each row of (n, k) ballots; `luck` in [0, 1) picks among tied codes, in code order."""
    ordered = np.sort(ballot, axis=1)
    votes = (ordered[:, :, None] == ordered[:, None, :]).sum(axis=2)
    first = np.ones(ordered.shape, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    tied: NDArray[np.bool_] = first & (votes == votes.max(axis=1, keepdims=True))
    chosen = np.floor(luck * tied.sum(axis=1)).astype(np.int64)
    # The chosen tied code is where the running count of tied codes first exceeds `chosen`.
    place = (np.cumsum(tied, axis=1) > chosen[:, None]).argmax(axis=1)
    return np.asarray(ordered[np.arange(len(ordered)), place], dtype=np.int32)
