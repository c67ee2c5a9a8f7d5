"""Blends a row with any other training row, and its label with that row's label in the same proportion.

The base keeps at least half, so its label stays the hard label; the soft label is kept beside it. It keeps at most
95 %: with less of the partner whole numbers round back to the base, and the child is the base with another label.
A category is taken whole from one of the two, with the same proportion as chance. Hurts models that cannot use soft
labels, and tables whose numbers are codes (Zhang, Cisse, Dauphin, Lopez-Paz 2018).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from augmill.policies.errors import DataError
from augmill.tasks.rows.randomness import integers, uniforms
from augmill.tasks.transforms.table import I64, Block, Drawn, State, TableSpec
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters, RiskKind

MOST = 0.95


class Params(Parameters):
    """How strongly rows are blended."""

    # The paper's 0.2 is for pictures: here most children would take all their categories from the base.
    alpha: float = Field(
        default=1.0, ge=0.05, le=100.0, description="The weight is Beta(alpha, alpha), given that it is 0.5 to 0.95."
    )


ACCEPTS = Accepts(missing="refused", unlabelled=False)
BEHAVIOUR = Behaviour(label="mix", origin="synthetic", pool="train", libraries=("scipy",))


def risks(params: Params) -> dict[RiskKind, str]:
    """Above 1 most children are nearly half one row and half another."""
    if params.alpha <= 1.0:
        return {}
    return {"extreme": f"alpha {params.alpha:g} is above 1: most children are nearly equal mixtures"}


def draw(params: Params, spec: TableSpec, state: State, seeds: I64, bases: I64) -> Drawn:
    """Draw the partner (any pool row but the base), the base's share, and where each category comes from."""
    from scipy.special import betainc, betaincinv

    others = int(state["size"]) - 1
    if others < 1:
        raise DataError(
            "tabular.mixup needs a second training row to blend with, and there is one.",
            "Use tabular.gaussian_noise or tabular.random_oversample.",
            {"rule": "one_row", "rows": 1},
        )
    partner = integers(seeds, "partner", others)
    partner += partner >= bases
    # Beta(alpha, alpha) is symmetric: folding it is the same as drawing from its upper half.
    upper = betainc(params.alpha, params.alpha, MOST) - 0.5
    weight = betaincinv(params.alpha, params.alpha, 0.5 + upper * uniforms(seeds, "weight"))
    other = uniforms(seeds, "category", len(spec.categorical)) >= weight[:, None]
    return {"partners": partner[:, None], "weight": weight, "from_partner": other.astype(np.int64)}


def apply(params: Params, spec: TableSpec, parents: Sequence[Block], draws: Drawn) -> Block:
    """Blend the numbers, choose the categories."""
    base, partner = parents[0], parents[1]
    numeric = base.numeric + (1.0 - draws["weight"])[:, None] * (partner.numeric - base.numeric)
    return Block(numeric, np.where(draws["from_partner"] == 1, partner.codes, base.codes).astype(np.int32))
