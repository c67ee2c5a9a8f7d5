"""What gates are shown: real rows of training and validation, children that will be published, never a test row."""

from __future__ import annotations

import numpy as np
import pytest

from augmill.tasks.rows.provenance import SAMPLE_ID, SPLIT, STEP
from augmill.tasks.stages import gate_evidence as module
from augmill.tasks.stages.gate_evidence import Evidence
from augmill.tasks.stats import row_sample
from tests.end_to_end.helpers import NOISE, SMOTE, go, policy, rows, table_rows, write_csv


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The evidence of a run, and the rows it published."""
    folder = tmp_path_factory.mktemp("evidence")
    write_csv(folder / "data.csv", table_rows(0, 150))
    kept = []

    def keep(run, checked):
        real, fitted = checked.real, checked.fitted
        kept.append(Evidence(run.ctx, tuple(real.files), checked.accepted, fitted.description, 0.0))
        return checked

    go(policy(folder, "data.csv", SMOTE + NOISE), folder / "lake", tamper={"check": keep})
    return kept[0], rows(folder / "lake")


def fresh(evidence):
    return Evidence(evidence.ctx, evidence.files, evidence.accepted, evidence.description, 0.0)


def ids(sample):
    return sample.rows[SAMPLE_ID].to_pylist()


def test_samples_are_the_rows_of_their_split(shown):
    evidence, published = shown
    for split, sample in (("train", evidence.train), ("validation", evidence.validation)):
        mine = [row for row in published if row[SPLIT] == split and row[STEP] is None]
        assert ids(sample) == [row[SAMPLE_ID] for row in mine]
        assert sample.labels.tolist() == [row["kind"] for row in mine]
        assert len(sample.features) == sample.total == len(mine)


def test_children_are_those_that_are_published_with_their_steps(shown):
    evidence, published = shown
    mine = [row for row in published if row[STEP] is not None]
    assert ids(evidence.children) == [row[SAMPLE_ID] for row in mine]
    assert evidence.children.steps.tolist() == [row[STEP] for row in mine]
    assert sum(evidence.made.values()) == len(mine)


def test_of_many_rows_a_few_stand_for_all(shown, monkeypatch):
    whole, _ = shown
    few = lambda counts: row_sample.quotas(counts, most=40)  # noqa: E731
    monkeypatch.setattr(module, "quotas", few)
    for name in ("train", "children"):
        sample, every = getattr(fresh(whole), name), getattr(whole, name)
        assert len(sample) < len(every)
        assert sample.total == every.total
        np.testing.assert_allclose(sample.weights.sum(), every.total)
        assert set(ids(sample)) < set(ids(every))
        assert ids(sample) == ids(getattr(fresh(whole), name))
