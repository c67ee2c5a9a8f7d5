"""The index of rows: which split the source names, however it spells it."""

import pyarrow as pa
import pytest

from augmill.policies.schema import SPLITS, Policy
from augmill.tasks.rows.provenance import SOURCE, SOURCE_TYPE
from augmill.tasks.runs.row_index import index_of


@pytest.mark.parametrize(
    ("spelt", "split"),
    [("train", "train"), ("Training", "train"), ("val", "validation"), ("DEV", "validation"), (" test ", "test")],
)
def test_a_split_is_known_by_its_usual_names_in_any_case(spelt: str, split: str) -> None:
    assert given(spelt) == SPLITS.index(split)


@pytest.mark.parametrize("spelt", ["", "training set", "tset", None])
def test_any_other_word_names_no_split(spelt: str | None) -> None:
    assert given(spelt) == -1


def given(spelt: str | None) -> int:
    policy = Policy.model_validate(
        {"dataset": "d", "modality": "tabular", "source": {"uri": "x"}, "label": "y", "split": {"column": "s"}}
    )
    source = pa.array([{"object": "x", "sha256": "0", "row": 0}], SOURCE_TYPE)
    rows = pa.table({"s": pa.array([spelt], pa.string()), "y": ["a"], SOURCE: source})
    (code,) = index_of(policy, rows, pa.array([0]).to_numpy())["given"].to_pylist()
    return int(code)
