"""Adds independent normal noise to every number, in proportion to its column's standard deviation.

Missing values stay missing; categories and booleans stay as they are. Hurts where columns depend on each other
(sums, ratios), and where a class is narrower than its columns. Integers are rounded back, so small noise on small
counts changes nothing. Values stay within the range of the real rows, and zeros stay zero, unless told otherwise:
in counts and amounts a zero mostly says that there is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from augmill.tasks.rows.randomness import normals
from augmill.tasks.transforms.table import I64, Block, Drawn, State, TableSpec
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Nothing, Parameters, RiskKind

# At 0.3 the noise adds 9 % to a column's variance; beyond it, a class of ordinary width blurs into its neighbours.
EXTREME_SCALE = 0.3


class Params(Parameters):
    """How strong the noise is, and what it leaves alone."""

    scale: Annotated[float, Nothing(0.0)] = Field(
        default=0.05, gt=0.0, description="In standard deviations of each column over training rows."
    )
    within_range: bool = Field(default=True, description="Clip to the smallest and largest value of training rows.")
    keep_zeros: bool = Field(default=True, description="Leave values that are exactly zero as they are.")


ACCEPTS = Accepts(missing="kept")
BEHAVIOUR = Behaviour()


def risks(params: Params) -> dict[RiskKind, str]:
    """Always noise; extreme where it drowns the data."""
    reasons: dict[RiskKind, str] = {"noise": "adds measurement noise"}
    if params.scale > EXTREME_SCALE:
        reasons["extreme"] = f"scale {params.scale:g} is more than {EXTREME_SCALE:g} standard deviations of each column"
    return reasons


def refusals(params: Params, spec: TableSpec) -> list[str]:
    """Without a number there is nothing to add noise to."""
    return [] if spec.numeric else ["it changes numbers only, and the table has no numeric feature; remove it"]


def draw(params: Params, spec: TableSpec, state: State, seeds: I64, bases: I64) -> Drawn:
    """Draw one standard normal number per numeric column."""
    return {"_noise": normals(seeds, "noise", len(spec.numeric))}


def apply(params: Params, spec: TableSpec, parents: Sequence[Block], draws: Drawn) -> Block:
    """Add the noise, scaled per column."""
    base = parents[0]
    noisy = base.numeric + draws["_noise"] * (params.scale * spec.scales)
    if params.within_range:
        low, high = (np.array([getattr(column, end) for column in spec.numeric]) for end in ("low", "high"))
        noisy = np.clip(noisy, low, high)
    return Block(np.where((base.numeric == 0.0) & params.keep_zeros, base.numeric, noisy), base.codes)
