"""A chain of transforms over one shard of births: draw everything first, then read the rows, then apply."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augmill.policies.errors import PolicyError
from augmill.tasks.modalities.modality_contract import Arrays, ChildSpecs, Op, Recorded
from augmill.tasks.rows.provenance import NEAREST
from augmill.tasks.rows.randomness import bits, uniforms
from augmill.tasks.transforms.table import I64, Block, Drawn, State, TableSpec

EMPTY: I64 = np.empty((0,), dtype=np.int64)


@dataclass(frozen=True)
class Firing:
    """One transform of the chain and the children it works on: `rows` are places among the births."""

    position: int
    rows: I64
    draws: Drawn

    @property
    def partners(self) -> I64:
        """Pool rows that become parents beside the base, shape (len(rows), m)."""
        return np.asarray(self.draws.get("partners", np.empty((len(self.rows), 0))), dtype=np.int64)


def check_order(ops: Sequence[Op]) -> None:
    """Transforms that work on real rows only must open their chain. Raises PolicyError."""
    for op in ops[1:]:
        if op.module.BEHAVIOUR.first:
            raise PolicyError(
                f"{op.use} must be the first transform of its chain: it works on real rows, and {ops[0].use} "
                f"comes before it.",
                f"Move {op.use} to the front, or into a step of its own.",
            )


def draw_chain(ops: Sequence[Op], spec: TableSpec, state: Arrays, size: int, births: ChildSpecs) -> list[Firing]:
    """Draw which transforms fire for which child, and all that they need, from each child's own seed."""
    check_order(ops)
    fired = fire([op.probability for op in ops], births.seeds)
    firings = []
    for position, op in enumerate(ops):
        rows = np.flatnonzero(fired[:, position])
        seeds = op_seeds(births.seeds[rows], position)
        own = op_state(state, position, size)
        if op.module.BEHAVIOUR.joint:
            own = {**own, "copies": births.copies[rows]}
        draws = op.module.draw(op.params, spec, own, seeds, births.bases[rows])
        if op.module.BEHAVIOUR.joint:
            draws = {**draws, "parents": np.full(len(rows), NEAREST)}
        firings.append(Firing(position, rows, draws))
    return firings


def fire(probabilities: Sequence[float], seeds: I64) -> NDArray[np.bool_]:
    """Which transforms fire, shape (n, len(probabilities)): independent draws, given that at least one fires."""
    chance = np.asarray(probabilities, dtype=np.float64)
    luck = uniforms(seeds, "fire", len(chance))
    fired = luck < chance
    if len(chance) == 0 or chance.max() >= 1.0:
        return fired
    # The first to fire is drawn from its distribution given that one does; those after it stay as drawn.
    reaches = chance * np.concatenate([[1.0], np.cumprod(1.0 - chance)[:-1]])
    share = np.cumsum(reaches) / reaches.sum()
    first = np.minimum(np.searchsorted(share, uniforms(seeds, "first"), side="right"), len(chance) - 1)
    places = np.arange(len(chance))
    return np.asarray((places == first[:, None]) | (fired & (places > first[:, None])), dtype=bool)


def op_seeds(seeds: I64, position: int) -> I64:
    """Seeds of their own for each place in the chain, so that one transform used twice draws twice."""
    return np.asarray((bits(seeds, f"op/{position}") >> np.uint64(1)).astype(np.int64))


def op_state(state: Arrays, position: int, size: int) -> State:
    """What the transform at `position` learned, under its own names, and the size of the pool."""
    prefix = f"{position}/"
    own = {key.removeprefix(prefix): array for key, array in state.items() if key.startswith(prefix)}
    return {**own, "size": np.asarray(size, dtype=np.int64)}


def apply_chain(ops: Sequence[Op], spec: TableSpec, real: Block, bases: I64, firings: Sequence[Firing]) -> Block:
    """The children's features. `bases` and the firings' partners are rows of `real`."""
    children = real.take(bases)
    for firing in firings:
        op, rows = ops[firing.position], firing.rows
        if len(rows) == 0:
            continue
        parents = [children.take(rows), *(real.take(column) for column in firing.partners.T)]
        child = op.module.apply(op.params, spec, parents, firing.draws)
        if len(rows) == len(children):
            children = child
        else:
            children = Block(
                _replaced(children.numeric, rows, child.numeric), _replaced(children.codes, rows, child.codes)
            )
    return children


def replay(ops: Sequence[Op], spec: TableSpec, recorded: Recorded) -> list[Firing]:
    """The firings of published children as they were recorded; arrays too large to record come from the seed again.

    Partners are recorded as places among a child's parents, and come back as rows of the parents' table.
    """
    fired: list[list[int]] = [[] for _ in ops]
    values: list[list[dict[str, Any]]] = [[] for _ in ops]
    for child, text in enumerate(recorded.ops):
        for entry in json.loads(text):
            position, draws = int(entry["position"]), dict(entry["drawn"])
            if "partners" in draws:
                draws["partners"] = [recorded.parents[child][place] for place in draws["partners"]]
            fired[position].append(child)
            values[position].append(draws)
    return [
        _replayed(op, spec, recorded, position, fired[position], values[position]) for position, op in enumerate(ops)
    ]


def _replayed(
    op: Op, spec: TableSpec, recorded: Recorded, position: int, fired: list[int], values: list[dict[str, Any]]
) -> Firing:
    rows = np.array(fired, dtype=np.int64)
    draws: Drawn = {
        key: np.array([recorded_draws[key] for recorded_draws in values]) for key in (values[0] if values else ())
    }
    if len(rows) and not op.module.BEHAVIOUR.fitted and "partners" not in draws:
        redrawn = op.module.draw(op.params, spec, {}, op_seeds(recorded.seeds[rows], position), recorded.bases[rows])
        draws |= {key: array for key, array in redrawn.items() if key.startswith("_")}
    return Firing(position, rows, draws)


def _replaced(array: NDArray[Any], rows: I64, values: NDArray[Any]) -> NDArray[Any]:
    copy = array.copy()
    copy[rows] = values
    return copy
