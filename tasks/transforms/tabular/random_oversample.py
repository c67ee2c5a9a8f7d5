"""Copies rows of the class as they are, evenly over all of them.

Adds weight and no information: a model that can memorise rows overfits to them, and every copy equals a real row,
so the check against exact copies must allow it.
"""

from __future__ import annotations

from collections.abc import Sequence

from augmill.tasks.transforms.table import I64, Block, Drawn, State, TableSpec
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters


class Params(Parameters):
    """There is nothing to set."""


ACCEPTS = Accepts(missing="kept")
BEHAVIOUR = Behaviour(copies=True)


def draw(params: Params, spec: TableSpec, state: State, seeds: I64, bases: I64) -> Drawn:
    """Nothing is drawn: which row is copied is the child's base."""
    return {}


def apply(params: Params, spec: TableSpec, parents: Sequence[Block], draws: Drawn) -> Block:
    """The base row."""
    return parents[0]
