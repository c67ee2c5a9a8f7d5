"""The modality as the pipeline sees it."""

from __future__ import annotations

import importlib

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_breast_cancer

from augmill.policies.errors import DataError
from augmill.policies.schema import Policy
from augmill.tasks.modalities import tabular
from augmill.tasks.modalities.modality_contract import ChildSpecs, Op, PoolIndex
from augmill.tasks.rows.provenance import LABEL_WEIGHTS, OPS, PARENT_IDS, SAMPLE_ID

POLICY = Policy(dataset="d", modality="tabular", source={"uri": "u"}, label="y")


def op_of(name, **params):
    module = importlib.import_module(f"augmill.tasks.transforms.tabular.{name}")
    return Op(f"tabular.{name}", module, module.Params(**params), 1.0)


@pytest.fixture(scope="module")
def cancer():
    x, y = load_breast_cancer(return_X_y=True)
    columns = {f"x{j}": values for j, values in enumerate(x.T)}
    return pa.table({SAMPLE_ID: [f"{i:03d}" for i in range(len(y))], **columns, "y": y})


def test_no_row_is_faulty_by_itself(cancer):
    facts = tabular.facts(POLICY, cancer)
    assert facts["fault"].null_count == facts.num_rows == 569


def test_real_data_gives_children_within_reach_of_their_parents(cancer):
    description = tabular.describe(POLICY, [cancer])
    labels = [str(label) for label in cancer["y"].to_pylist()]
    pool = PoolIndex(cancer[SAMPLE_ID].to_pylist(), labels, "0")
    read = []

    def load(rows):
        read.append(len(rows))
        return cancer.take(pa.array(rows))

    ops = [op_of("smote")]
    assert tabular.refusals(ops[0], description) == []
    state = tabular.fit(ops, description, pool, load)
    assert state["weights"].sum() == labels.count("0") == 212
    read.clear()
    births = ChildSpecs(np.repeat(np.flatnonzero(state["weights"]), 2), np.tile([0, 1], 212), np.arange(424) * 31)
    made = tabular.children(ops, description, pool, state, births, load)
    assert len(read) == 1
    assert read[0] <= 212
    assert made.column_names == [*cancer.column_names[1:], PARENT_IDS, OPS, LABEL_WEIGHTS]
    for i, (base, partner) in enumerate(made[PARENT_IDS].to_pylist()):
        for name in ("x0", "x29"):
            ends = sorted(cancer[name][int(place)].as_py() for place in (base, partner))
            assert ends[0] - 1e-9 <= made[name][i].as_py() <= ends[1] + 1e-9


def test_columns_come_by_name_whichever_batch_names_them_first():
    left, right = pa.table({"b": [1.0, 2.0], "a": [3, 4]}), pa.table({"c": [0.5, 1.5], "a": [5, 6], "b": [1.0, 3.0]})
    description = tabular.describe(POLICY, [left, right])
    assert [column["name"] for column in description["columns"]] == ["a", "b", "c"]
    assert description == tabular.describe(POLICY, [right, left])


def test_the_pool_may_hold_one_class_or_all(cancer):
    description = tabular.describe(POLICY, [cancer])
    tables = [cancer, cancer.filter(pa.compute.equal(cancer["y"], 0))]
    made = []
    for table in tables:
        pool = PoolIndex(table[SAMPLE_ID].to_pylist(), [str(label) for label in table["y"].to_pylist()], "0")
        load = lambda rows, table=table: table.take(pa.array(rows))  # noqa: E731
        state = tabular.fit([op_of("smote")], description, pool, load)
        bases = np.flatnonzero(state["weights"])
        births = ChildSpecs(bases, np.zeros(len(bases)), np.arange(len(bases)))
        made.append(tabular.children([op_of("smote")], description, pool, state, births, load))
    assert made[0].equals(made[1])


def test_an_unfitted_chain_reads_nothing_to_fit():
    def load(rows):
        raise AssertionError("read")

    pool = PoolIndex(["a", "b", "c"], ["1", "0", "1"], "1")
    state = tabular.fit([op_of("gaussian_noise")], {"columns": []}, pool, load)
    assert state["weights"].tolist() == [1.0, 0.0, 1.0]


def test_an_empty_pool_is_a_named_error():
    with pytest.raises(DataError, match="has no training row"):
        tabular.fit([op_of("smote")], {"columns": []}, PoolIndex([], [], "1"), lambda rows: pa.table({}))


def test_features_are_standardised_finite_and_one_hot():
    train = pa.table({"a": [1.0, None, 3.0, float("inf")], "i": [1, 2, 3, 4], "c": ["u", "v", "u", None]})
    description = tabular.describe(POLICY, [train])
    seen = tabular.features(description, train)
    assert np.isfinite(seen).all()
    assert seen[:, 0].tolist() == [-1.0, 0.0, 1.0, 0.0]
    assert seen[:, 1].std() == pytest.approx(1.0)
    assert seen[:, 2:].tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]
    assert tabular.features(description, pa.table({"a": [2.0], "i": [9], "c": ["new"]}))[0, 2:].tolist() == [0.0, 0.0]


def test_refusals_name_the_columns_and_the_way_out():
    mixed = tabular.describe(POLICY, [pa.table({"a": [1.0, 2.0], "b": ["u", "v"], "c": [True, False]})])
    numbers = tabular.describe(POLICY, [pa.table({"a": [1.0, None, 3.0]})])
    words = tabular.describe(POLICY, [pa.table({"b": ["u", "v"]})])
    assert "b, c hold categories; use tabular.smotenc" in tabular.refusals(op_of("smote"), mixed)[0]
    assert "use tabular.smote" in tabular.refusals(op_of("smotenc"), numbers)[0]
    assert "a have some; fill them" in tabular.refusals(op_of("smotenc"), numbers)[1]
    assert "at least one numeric feature" in tabular.refusals(op_of("smotenc"), words)[0]
    assert "no numeric feature" in tabular.refusals(op_of("gaussian_noise"), words)[0]
    assert tabular.refusals(op_of("smotenc"), mixed) == []
