"""How table transforms see rows: a block of numbers and category codes, and a spec that says what they mean.

A table transform module holds, beside the declarations of `transform_contract.py`:

    fit(params, pool) -> State                       only if BEHAVIOUR.fitted; arrays by name
    draw(params, spec, state, seeds, bases) -> Drawn  one row of draws per child; no other randomness
    apply(params, spec, parents, draws) -> Block      pure; parents[0] is the base, then the partners
    refusals(params, spec) -> list[str]               optional: why this table will not do, beyond ACCEPTS

`state["weights"]` (float64, one per pool row) says how often a row may be a base: 0 is never. `draw` finds
`state["size"]`, the number of pool rows, even where nothing was fitted, and must not look at `weights`.
A transform whose BEHAVIOUR is `joint` finds `state["copies"]` too (int64, one per child): which copy of its base it
is. Its `weights` are then how many children it has for each base; `"parents": "nearest"` is added to what it draws.
`draws["partners"]` (int64, shape (n, m)) indexes the pool's rows; those rows become parents 1..m.
`draws["weight"]` of a mixing transform is the base's share of the label. Keys of `draws` that begin with
`_` are arrays too large to record, drawn again from the seed on rebuild; all others are recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
State = Mapping[str, NDArray[Any]]
Drawn = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Column:
    """One user column as transforms see it; figures come from real training rows only.

    `carried` columns (ids, constants, ignored, free text) are copied from the base parent, never touched.
    `scale` and `centre` are the standard deviation and the mean; `frequent` holds the codes of the commonest
    categories, most frequent first; `missing` says that a value is null, NaN or infinite somewhere.
    """

    name: str
    kind: Literal["continuous", "integer", "boolean", "categorical", "carried"]
    scale: float = 1.0
    centre: float = 0.0
    low: float = 0.0
    high: float = 0.0
    domain: tuple[str | int | bool, ...] = ()
    frequent: tuple[int, ...] = ()
    missing: bool = False


@dataclass(frozen=True)
class TableSpec:
    """All feature columns of a table, numeric ones first in a block's `numeric`, the others in `codes`."""

    columns: tuple[Column, ...]

    @property
    def numeric(self) -> tuple[Column, ...]:
        """Columns of numbers, in the order of a block's `numeric`."""
        return tuple(column for column in self.columns if column.kind in ("continuous", "integer"))

    @property
    def categorical(self) -> tuple[Column, ...]:
        """Columns of categories and booleans, in the order of a block's `codes`."""
        return tuple(column for column in self.columns if column.kind in ("categorical", "boolean"))

    @property
    def scales(self) -> F64:
        """Standard deviations of the numeric columns, shape (p,)."""
        return np.array([column.scale for column in self.numeric], dtype=np.float64)


@dataclass(frozen=True)
class Block:
    """Rows as numbers: `numeric` float64 (n, p), NaN for missing; `codes` int32 (n, q), -1 for missing."""

    numeric: F64
    codes: I32

    def __len__(self) -> int:
        return len(self.numeric)

    def take(self, rows: I64) -> Block:
        """The given rows, in the given order."""
        return Block(self.numeric[rows], self.codes[rows])


@dataclass(frozen=True)
class Pool:
    """The real training rows a fitted transform may look at, sorted by sample id.

    `labels` int64 (n,) class codes; `target` the code of the class children are made for. `count` is how many are
    planned and `seed` that of the step and class: only for transforms that draw all children at once.
    """

    spec: TableSpec
    block: Block
    labels: I64
    target: int
    target_name: str
    count: int = 0
    seed: int = 0


class TableTransform(Protocol):
    """The functions of a table transform module (see the module docstring)."""

    def fit(self, params: Any, pool: Pool) -> State:
        """What is learned from the pool, as arrays by name."""

    def draw(self, params: Any, spec: TableSpec, state: State, seeds: I64, bases: I64) -> Drawn:
        """All random choices of n children at once, from their seeds."""

    def apply(self, params: Any, spec: TableSpec, parents: Sequence[Block], draws: Drawn) -> Block:
        """The children, from their parents and their draws."""
