"""Which rows of the quarantine table go with rows that are to be forgotten."""

import json
from types import SimpleNamespace

import pytest

from augmill.tasks.erasure.row_selection import ErasureRequest, ErasureSelection, is_selected
from augmill.tasks.rows.provenance import OPS, PARENT_IDS


@pytest.mark.parametrize(
    ("parents", "ops", "goes"),
    [
        (["a", "b"], '[{"drawn":{"weight":0.5},"position":0,"use":"tabular.smote"}]', True),
        (["b", "c"], '[{"drawn":{"weight":0.5},"position":0,"use":"tabular.smote"}]', False),
        (["b", "c"], '[{"drawn":{"parents":"nearest","row":3},"position":0,"use":"tabular.resample"}]', True),
    ],
)
def test_a_child_in_quarantine_goes_with_its_parents_or_where_any_row_may_be_in_it(parents, ops, goes):
    """The parents of a child that a sampler drew are only the nearest rows, not those it was made of."""
    current = SimpleNamespace(manifest=SimpleNamespace(types={}))
    chosen = ErasureSelection(current, {}, ids={"file": ["a"]})
    row = {"sample_id": "d", "payload": None, "content": json.dumps({PARENT_IDS: parents, OPS: ops})}
    assert is_selected(row, ErasureRequest(None, ("a",)), chosen) == goes
