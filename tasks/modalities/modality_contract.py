"""What a modality module must offer; the pipeline itself knows nothing about pictures or tables.

A new modality is one new file beside this one, holding the functions of `Modality`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augmill.policies.schema import Policy
from augmill.tasks.transforms.transform_contract import Parameters

I64 = NDArray[np.int64]
Arrays = Mapping[str, NDArray[Any]]
Loader = Callable[[I64], pa.Table]
"""Rows of the pool (user columns and sample id) by their index, in the order asked for."""


@dataclass(frozen=True)
class Op:
    """One transform of a chain, ready to use: its module and its checked parameters."""

    use: str
    module: ModuleType
    params: Parameters
    probability: float


@dataclass(frozen=True)
class ChildSpecs:
    """Children to make: one row each. `bases` index the pool; `seeds` are all the randomness there is."""

    bases: I64
    copies: I64
    seeds: I64


@dataclass(frozen=True)
class Recorded:
    """Published children to make again, as their rows tell: `parents[i]` are rows of the parents' table, the base
    first, in the order of `augmill_parent_ids`; `seeds` (n,) and `ops` are `augmill_seed` and `augmill_ops`."""

    parents: Sequence[Sequence[int]]
    seeds: I64
    ops: Sequence[str]

    @property
    def bases(self) -> I64:
        """The row of each child's base, shape (n,)."""
        return np.array([rows[0] for rows in self.parents], dtype=np.int64)


@dataclass(frozen=True)
class PoolIndex:
    """Who is in the pool, sorted by sample id: `ids` (n,) text and `labels` (n,) text, never payloads.

    `count` and `seed`: how many children are planned, and the seed of the step and class; what is fitted depends on
    them only where a transform draws all children at once.
    """

    ids: Sequence[str]
    labels: Sequence[str]
    target: str
    count: int = 0
    seed: int = 0


class Modality(Protocol):
    """The functions of a modality module.

    `SHARD_ROWS`: rows per shard, some 2 seconds of work. `POOLED`: whether steps work on a copy of a class's rows
    (small rows, scattered access), or read them from the real files (large rows).

    A module may also have `lint_figures(description, rows) -> {"colour": bool, "noise_share": float | None}`: what
    the rules of lint want to know of a sample of real rows; and `warm(ops)`: import what these transforms and the
    modality itself take, in a worker process that would otherwise wait.
    """

    SHARD_ROWS: int
    POOLED: bool

    def facts(self, policy: Policy, rows: pa.Table) -> pa.Table:
        """Look at raw rows. Returns columns aligned with `rows`: `fault` (text, null where the row is usable)
        and whatever expectations may judge beside the user's columns (`image.width`, ...)."""

    def tally(self, policy: Policy, rows: pa.Table) -> dict[str, Any]:
        """What `merge` must know of some real training rows, as JSON of bounded size: worker by worker."""

    def merge(self, policy: Policy, tallies: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Figures of the real training rows, as JSON, that transforms need (kinds, scales, domains, sizes), from
        the tallies of all. Must not depend on how rows were cut into tallies, nor on their order."""

    def describe(self, policy: Policy, batches: Iterable[pa.Table]) -> dict[str, Any]:
        """`merge` of the tallies of all batches."""

    def refusals(self, op: Op, description: Mapping[str, Any]) -> list[str]:
        """Why `op` cannot take this data; empty if it can. One sentence each, with the remedy."""

    def fit(self, ops: Sequence[Op], description: Mapping[str, Any], pool: PoolIndex, load: Loader) -> Arrays:
        """What the fitted transforms of a chain learn from the pool. Always holds `weights` (n,) float64: how
        often each pool row may be a base. Other keys are `<position in chain>/<name>`. Raises DataError with
        the lint rule's advice where a class is too small."""

    def children(
        self,
        ops: Sequence[Op],
        description: Mapping[str, Any],
        pool: PoolIndex,
        state: Arrays,
        births: ChildSpecs,
        load: Loader,
    ) -> pa.Table:
        """Make the children: user columns as in the pool, then `augmill_parent_ids`, `augmill_ops` (for each transform
        applied `use`, its `position` in the chain, and what was `drawn`) and `augmill_label_weights`. One row per
        birth, in the order given, each a function of its own seed and parents alone."""

    def rebuild(
        self,
        ops: Sequence[Op],
        description: Mapping[str, Any],
        parents: pa.Table,
        who: PoolIndex,
        recorded: Recorded,
    ) -> pa.Table:
        """Published children again, from their parents' rows and what is recorded of them: recorded values are
        used, not drawn. `who` holds the ids and labels of `parents`. Returns the rows that `children` returned.
        Not for a chain with a `joint` transform: its children come from `fit` and `children` again."""

    def appearance(self, policy: Policy, rows: pa.Table) -> NDArray[np.uint64]:
        """Two words per row, shape (n, 2): equal where a model would see no difference, label included."""

    def bounds(self, description: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
        """Smallest and largest value of every column whose values children may change; empty if there is none."""

    def feature_columns(self, description: Mapping[str, Any]) -> list[str]:
        """Columns that `features` reads: rows from elsewhere must have them."""

    def features(self, description: Mapping[str, Any], rows: pa.Table) -> NDArray[np.float64]:
        """What a verifier sees, shape (n, d), finite. A harmless change must move it little."""
