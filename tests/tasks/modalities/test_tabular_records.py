"""What a row says about its making."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np

from augmill.tasks.modalities._tabular_chain import Firing
from augmill.tasks.modalities._tabular_records import Parents, label_weights, ops_text
from augmill.tasks.transforms.transform_contract import Behaviour

MIX = SimpleNamespace(use="tabular.mix", module=SimpleNamespace(BEHAVIOUR=Behaviour(label="mix")))
PLAIN = SimpleNamespace(use="tabular.plain", module=SimpleNamespace(BEHAVIOUR=Behaviour()))
LABELS = ["x", "y", "z", "x"]
BASES = np.array([0, 3, 0])


def mixing(position, rows, partners, weights):
    draws = {"partners": np.array(partners)[:, None], "weight": np.array(weights)}
    return Firing(position, np.array(rows), draws)


def test_parents_are_the_base_and_then_the_partners_in_the_chains_order():
    plain = Firing(0, np.array([0, 2]), {"partners": np.array([[1, 2], [2, 3]])})
    firings = [plain, mixing(1, [1, 2], [2, 1], [0.75, 0.75])]
    parents = Parents(BASES, firings)
    assert parents.ids(["a", "b", "c", "d"]).to_pylist() == [["a", "b", "c"], ["d", "c"], ["a", "c", "d", "b"]]
    texts = ops_text([PLAIN, MIX], firings, parents, 3).to_pylist()
    assert [[op["drawn"]["partners"] for op in json.loads(text)] for text in texts] == [[[1, 2]], [[1]], [[1, 2], [3]]]


def test_large_draws_are_not_recorded_and_numbers_are_exact():
    firing = Firing(0, np.arange(3), {"_noise": np.ones((3, 9)), "w": np.array([0.1, 1e-17, 1.0]), "k": np.arange(3)})
    texts = ops_text([PLAIN], [firing], Parents(BASES, [firing]), 3).to_pylist()
    assert texts[1] == '[{"drawn":{"k":1,"w":1e-17},"position":0,"use":"tabular.plain"}]'
    assert [json.loads(text)[0]["drawn"]["w"] for text in texts] == [0.1, 1e-17, 1.0]


def test_label_shares_are_null_unless_mixed_and_merged_where_equal():
    firing = mixing(0, [0, 1], [1, 0], [0.75, 0.6])
    shares = label_weights([MIX], [firing], Parents(BASES, [firing]), LABELS).to_pylist()
    assert shares == [
        [{"label": "x", "weight": 0.75}, {"label": "y", "weight": 0.25}],
        [{"label": "x", "weight": 1.0}],
        None,
    ]


def test_a_second_mix_dilutes_the_first():
    firings = [mixing(0, [0], [1], [0.5]), mixing(1, [0], [2], [0.75])]
    (shares, *_) = label_weights([MIX, MIX], firings, Parents(BASES, firings), LABELS).to_pylist()
    assert [tuple(share.values()) for share in shares] == [("x", 0.375), ("y", 0.375), ("z", 0.25)]
