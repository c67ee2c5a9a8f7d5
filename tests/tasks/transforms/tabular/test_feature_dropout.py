"""Feature dropout: how many cells, and what stands there instead."""

from __future__ import annotations

import numpy as np
import pytest

from augmill.tasks.transforms.table import Block, Column, TableSpec
from augmill.tasks.transforms.tabular import feature_dropout
from augmill.tasks.transforms.tabular.feature_dropout import Params

SPEC = TableSpec(
    (
        Column("a", "continuous", centre=2.25),
        Column("b", "integer", centre=6.6),
        Column("c", "categorical", domain=("x", "y", "z"), frequent=(2, 0, 1)),
    )
)


def dropped(params: Params, numeric: list[float], code: int, count: int = 4000) -> Block:
    base = Block(np.tile(numeric, (count, 1)), np.full((count, 1), code, dtype=np.int32))
    draws = feature_dropout.draw(params, SPEC, {}, np.arange(count), np.arange(count))
    return feature_dropout.apply(params, SPEC, [base], draws)


def test_blanked_cells_hold_mean_rounded_mean_and_mode():
    made = dropped(Params(rate=0.5), [1.0, 3.0], 0)
    assert set(made.numeric[:, 0]) == {1.0, 2.25}
    assert set(made.numeric[:, 1]) == {3.0, 7.0}
    assert set(made.codes[:, 0]) == {0, 2}
    assert np.mean(made.numeric[:, 0] == 2.25) == pytest.approx(0.5 + 0.125 / 3, abs=0.03)


def test_fill_missing_leaves_the_cell_empty():
    made = dropped(Params(rate=0.5, fill="missing"), [1.0, 3.0], 0)
    assert np.isnan(made.numeric[:, 1]).any()
    assert set(made.codes[:, 0]) == {-1, 0}


def test_at_least_one_cell_changes_where_one_can():
    made = dropped(Params(rate=0.01), [2.25, 7.0], 1)
    assert set(made.codes[:, 0]) == {2}
    nothing = dropped(Params(rate=0.01), [2.25, 7.0], 2)
    assert set(nothing.codes[:, 0]) == {2}


def test_missing_values_are_not_filled():
    made = dropped(Params(rate=0.9), [np.nan, 3.0], -1)
    assert np.isnan(made.numeric[:, 0]).all()
    assert set(made.numeric[:, 1]) == {7.0}
    assert set(made.codes[:, 0]) == {-1}


def test_blanking_most_of_a_row_is_extreme():
    assert set(feature_dropout.risks(Params())) == {"noise"}
    assert set(feature_dropout.risks(Params(rate=0.6))) == {"noise", "extreme"}
