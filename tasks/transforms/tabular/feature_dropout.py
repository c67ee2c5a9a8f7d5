"""Blanks a random share of the features of a row: its known values become typical ones, or missing ones.

`fill: mean` puts the column's mean (for a category or boolean: its commonest value), `fill: missing` leaves the
cell empty. At least one cell changes where any can. Values that are missing stay missing. Hurts where one feature
alone decides the label, and `fill: missing` hurts readers that cannot take empty cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from augmill.tasks.rows.randomness import uniforms
from augmill.tasks.transforms.table import I64, Block, Drawn, State, TableSpec
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Nothing, Parameters, RiskKind


class Params(Parameters):
    """How much is blanked, and with what."""

    rate: Annotated[float, Nothing(0.0)] = Field(
        default=0.1, gt=0.0, lt=1.0, description="Chance of each feature to be blanked."
    )
    fill: Literal["mean", "missing"] = "mean"


ACCEPTS = Accepts(missing="kept")
BEHAVIOUR = Behaviour()


def risks(params: Params) -> dict[RiskKind, str]:
    """Always noise; extreme where most of the row goes."""
    reasons: dict[RiskKind, str] = {"noise": "blanks values"}
    if params.rate > 0.5:
        reasons["extreme"] = f"rate {params.rate:g} blanks most of each row"
    return reasons


def draw(params: Params, spec: TableSpec, state: State, seeds: I64, bases: I64) -> Drawn:
    """Draw one number per feature, numeric ones first; a feature goes where it is below `rate`."""
    return {"_luck": uniforms(seeds, "luck", len(spec.numeric) + len(spec.categorical))}


def apply(params: Params, spec: TableSpec, parents: Sequence[Block], draws: Drawn) -> Block:
    """Blank the drawn features, or the unluckiest that can change if none of the drawn ones can."""
    base, split = parents[0], len(spec.numeric)
    numbers = np.full(split, np.nan) if params.fill == "missing" else _means(spec)
    modes = [column.frequent[0] if params.fill == "mean" else -1 for column in spec.categorical]
    codes = np.array(modes, dtype=np.int32)
    present = np.hstack([~np.isnan(base.numeric), base.codes >= 0])
    changeable = present & np.hstack([base.numeric != numbers, base.codes != codes])
    blanked = _blanked(params.rate, draws["_luck"], changeable)
    return Block(
        np.where(blanked[:, :split], numbers, base.numeric),
        np.where(blanked[:, split:], codes, base.codes).astype(np.int32),
    )


def _means(spec: TableSpec) -> NDArray[np.float64]:
    # Rounded where the column is whole, so that "already typical" is judged on the value that will be written.
    return np.array([np.rint(c.centre) if c.kind == "integer" else c.centre for c in spec.numeric], dtype=np.float64)


def _blanked(rate: float, luck: NDArray[np.float64], changeable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    blanked = changeable & (luck < rate)
    if luck.shape[1] == 0:
        return blanked
    untouched = np.flatnonzero(~blanked.any(axis=1))
    unluckiest = np.where(changeable[untouched], luck[untouched], 2.0).argmin(axis=1)
    blanked[untouched, unluckiest] = changeable[untouched, unluckiest]
    return blanked
