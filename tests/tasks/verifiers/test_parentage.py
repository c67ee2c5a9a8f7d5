"""Each planted fault is caught by the column that exists for it, and by no other."""

import numpy as np
import pyarrow as pa
import pytest

from augmill.expectations import checks
from augmill.expectations.judge import judge
from augmill.tasks.rows import provenance as at
from augmill.tasks.transforms.transform_contract import Behaviour
from augmill.tasks.verifiers.parentage import RealIndex, in_one_split, promise_of, structure, unique

INDEX = RealIndex(
    pa.array(["a", "b", "c", "v", "t"]),
    pa.array(["train", "train", "train", "validation", "test"]),
    pa.array(["cat", "cat", "dog", "cat", "dog"]),
)
PROMISES = {"turn": Behaviour(), "blend": Behaviour(label="mix")}


def child(**changed):
    plain = {
        at.SAMPLE_ID: "k1",
        at.ORIGIN: "augmented",
        at.SPLIT: "train",
        at.PARENT_IDS: ["a"],
        at.DEPTH: 1,
        at.STEP: "turn",
        at.OPS: "[]",
        at.SEED: 7,
        at.RECIPE_HASH: "r",
        at.SOURCE: None,
        at.LABEL_WEIGHTS: None,
        "label": "cat",
    }
    return plain | changed


def table(*rows):
    return pa.Table.from_pylist(list(rows), pa.schema([*at.FIELDS, pa.field("label", pa.string())]))


def blend(weights, parents=("a", "c"), label="cat"):
    given = [{"label": name, "weight": weight} for name, weight in weights]
    return child(**{at.STEP: "blend", at.PARENT_IDS: list(parents), at.LABEL_WEIGHTS: given, "label": label})


def wrong(row):
    scores = structure(table(child(), row), INDEX, PROMISES, "label")
    assert all(scores.column(name)[0].as_py() for name in scores.column_names), "the sound child must pass"
    return [name for name in scores.column_names if not scores.column(name)[1].as_py()]


@pytest.mark.parametrize(
    ("row", "caught"),
    [
        (child(), []),
        (child(**{at.PARENT_IDS: ["a", "b"]}), []),
        (child(**{at.PARENT_IDS: ["nobody"]}), ["parents_exist", "label_as_promised"]),
        (child(**{at.PARENT_IDS: ["a", "nobody"]}), ["parents_exist"]),
        (child(**{at.PARENT_IDS: []}), ["parents_exist", "label_as_promised"]),
        (child(**{at.PARENT_IDS: None}), ["parents_exist", "label_as_promised"]),
        (child(**{at.PARENT_IDS: ["v"]}), ["parents_in_training"]),
        (child(**{at.PARENT_IDS: ["a", "t"]}), ["parents_in_training"]),
        (child(**{at.SPLIT: "test"}), ["child_in_training"]),
        (child(label="dog"), ["label_as_promised"]),
        (child(label=None), ["label_as_promised"]),
        (child(**{at.STEP: "unheard"}), ["label_as_promised"]),
        (child(**{at.DEPTH: 0}), ["provenance_complete"]),
        (child(**{at.SEED: None}), ["provenance_complete"]),
        (child(**{at.OPS: ""}), ["provenance_complete"]),
        (child(**{at.RECIPE_HASH: None}), ["provenance_complete"]),
        (child(**{at.ORIGIN: "real"}), ["provenance_complete"]),
        (blend([("cat", 0.7), ("dog", 0.3)]), []),
        (blend([("cat", 0.5), ("dog", 0.5)]), []),
        (blend([("cat", 1.0)], parents=("a", "b")), []),
        (child(**{at.STEP: "blend"}), []),
        (blend([("cat", 0.7), ("dog", 0.2)]), ["label_as_promised"]),
        (blend([("cat", 1.5), ("dog", -0.5)]), ["label_as_promised"]),
        (blend([("cat", None), ("dog", 0.3)]), ["label_as_promised"]),
        (blend([("cat", 0.3), ("dog", 0.7)]), ["label_as_promised"]),
        (blend([("cat", 0.7), ("cow", 0.3)]), ["label_as_promised"]),
        (blend([("cat", 1.0)]), ["label_as_promised"]),
        (blend([("cat", 0.7), ("dog", 0.3)]) | {at.STEP: "turn"}, ["label_as_promised"]),
    ],
)
def test_a_planted_fault_is_caught_by_the_check_that_exists_for_it(row, caught):
    assert wrong(row) == caught


def test_a_child_whose_parent_does_not_exist_fails_the_run_and_is_named():
    rows = table(child(), child(**{at.SAMPLE_ID: "k2", at.PARENT_IDS: ["nobody"]}))
    scores = structure(rows, INDEX, PROMISES, "label")
    verdict = judge(scores.to_pandas(), checks.structural(scores.column_names), rows[at.SAMPLE_ID].to_pylist())
    [result] = [result for result in verdict.results if result.name == "expect_parents_to_exist"]
    assert not verdict.success
    assert [failing.sample_id for failing in result.failing] == ["k2"]


def test_unlabelled_data_has_no_label_column_to_judge():
    assert "label_as_promised" not in structure(table(child()), INDEX, PROMISES).column_names


def test_ids_are_unique_among_children_and_real_rows():
    assert unique(pa.array(["k1", "k2", "k2", "a", None]), INDEX).to_pylist() == [True, False, False, False, False]


def test_a_test_row_leaked_into_training_is_found_by_its_content():
    contents = pa.array(["x", "y", "y", "z", None, None])
    splits = pa.array(["train", "train", "test", "test", "train", "test"])
    assert in_one_split(contents, splits).to_pylist() == [True, False, False, True, True, True]


def test_no_children_and_no_real_rows_give_empty_columns():
    assert len(structure(table(), INDEX, PROMISES, "label")) == 0
    nobody = RealIndex(pa.array([], pa.string()), pa.array([], pa.string()), pa.array([], pa.string()))
    assert structure(table(child()), nobody, PROMISES, "label")["parents_exist"].to_pylist() == [False]


def test_looking_up_many_ids_equals_looking_up_each():
    ids = [f"{number:08x}" for number in np.random.default_rng(0).permutation(5000)]
    index = RealIndex(pa.array(ids), pa.array(["train"] * 5000), pa.array(["x"] * 5000))
    asked = [*ids[::7], "missing", *ids[:3]]
    assert index.rows(pa.array(asked)).tolist() == [ids.index(one) if one in ids else -1 for one in asked]


def test_a_chain_mixes_if_one_of_its_transforms_does():
    assert promise_of([Behaviour(), Behaviour(label="mix")]).label == "mix"
    assert promise_of([Behaviour(), Behaviour()]).label == "preserve"
