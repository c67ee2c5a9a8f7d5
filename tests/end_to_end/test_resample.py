"""Children that a sampler of imbalanced-learn drew: the same whatever runs them, made again by fitting again."""

from __future__ import annotations

import json
from collections import Counter

import pyarrow as pa
import pytest

from augmill.policies.errors import DataError
from augmill.tasks.rows.provenance import OPS, ORIGIN, PARENT_IDS, REAL, SAMPLE_ID, SPLIT, STEP
from augmill.tasks.runners import process
from augmill.tasks.runners.thread import Runner
from augmill.tasks.storage import parquet
from augmill.tasks.storage.store import Store
from augmill.tasks.versions import rebuild as work
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import DATASET, exactly, go, policy, rows, table_rows, write_csv

STEPS = """
  - name: clusters
    transforms:
      - use: tabular.resample
        params: {sampler: KMeansSMOTE, params: {kmeans_estimator: 3, cluster_balance_threshold: 0.05}, k_parents: 3}
        invariance: between two of a kind in one cluster
    amount: {to_share: 0.3}
    only: [reed]
  - name: smoothed
    transforms:
      - {use: tabular.resample, params: {sampler: RandomOverSampler, params: {shrinkage: 0.2}}, invariance: near one}
      - {use: tabular.gaussian_noise, params: {scale: 0.05}, invariance: measured again, probability: 0.5}
    amount: {balance: true}
    only: [reed, straw]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resample")
    lines = table_rows(0, 150)
    for number in range(3):
        write_csv(folder / "data" / f"{number}.csv", lines[number * 50 : number * 50 + 50])
    go(policy(folder, "data/*.csv", STEPS), folder / "lake", shard_rows=20)
    return folder


def again(lake, tmp_path, ids=None):
    found = lake.find(DATASET)
    ctx = work.context_of(lake, found, None, str(tmp_path / "scratch"))
    with Runner(2) as runner:
        return work.rebuild(ctx, runner, found, ids)


def lake_of(folder):
    return Lake(Store(str(folder / "lake")))


def children_of(folder):
    return [row for row in rows(folder / "lake") if row[ORIGIN] != REAL]


def test_both_steps_make_children_whose_parents_are_declared_to_be_the_nearest_rows(folder):
    parents = {row[SAMPLE_ID]: row for row in rows(folder / "lake") if row[SPLIT] == "train" and row[ORIGIN] == REAL}
    children = children_of(folder)
    assert set(Counter(row[STEP] for row in children)) == {"clusters", "smoothed"}
    for row in children:
        drawn = json.loads(row[OPS])[0]["drawn"]
        assert drawn["parents"] == "nearest"
        assert len(row[PARENT_IDS]) == drawn["k_parents"] == (3 if row[STEP] == "clusters" else 2)
        assert {parents[name]["kind"] for name in row[PARENT_IDS]} == {row["kind"]}
        assert isinstance(row["grains"], int)


def test_two_processes_and_any_shard_size_give_the_same_rows(folder, tmp_path):
    expected = exactly(folder / "lake")
    go(folder / "policy.yaml", tmp_path / "one", shard_rows=7)
    assert exactly(tmp_path / "one") == expected
    with process.Runner(2) as runner:
        go(folder / "policy.yaml", tmp_path / "two", runner=runner)
    assert exactly(tmp_path / "two") == expected


def test_a_second_run_makes_nothing_and_other_amounts_or_seeds_make_others(folder, tmp_path):
    write_csv(tmp_path / "data.csv", table_rows(0, 150))
    one = policy(tmp_path, "data.csv", STEPS)
    go(one, tmp_path / "lake")
    assert go(one, tmp_path / "lake").skipped
    before = {row[SAMPLE_ID]: row["width"] for row in children_of(tmp_path)}
    more = policy(tmp_path, "data.csv", STEPS.replace("0.3}", "0.31}"))
    go(more, tmp_path / "lake")
    after = {row[SAMPLE_ID]: row["width"] for row in children_of(tmp_path)}
    mine = {name for name in after if name not in before}
    assert mine
    go(policy(tmp_path, "data.csv", STEPS, seed="5"), tmp_path / "lake")
    assert not set(before) & {row[SAMPLE_ID] for row in children_of(tmp_path)}


def test_every_child_is_made_again_byte_for_byte_and_nothing_is_written(folder, tmp_path):
    lake = lake_of(folder)
    before = {entry.name for entry in lake.store.list()}
    document = again(lake, tmp_path)
    assert (document["rebuilt"], document["different"]) == (len(children_of(folder)), 0)
    assert document["exit_code"] == 0
    assert {entry.name for entry in lake.store.list()} == before
    names = sorted(row[SAMPLE_ID] for row in children_of(folder))[::7]
    assert again(lake, tmp_path / "few", names)["different"] == 0


@pytest.mark.parametrize("column", ["width", PARENT_IDS, OPS])
def test_a_child_that_was_altered_is_named(folder, tmp_path, column):
    lake = lake_of(folder)
    table = lake.store.sub(DATASET)
    file = next(file for file in lake.find(DATASET).manifest.data_files if file.step == "clusters")
    kept, content = table.read(file.path), table.read_table(file.path)
    values = content[column].to_pylist()
    if column == "width":
        values[0] += 1e-9
    elif column == OPS:
        values[0] = values[0].replace('"row":', '"row":1')
    else:
        values[0] = [values[0][0], *values[0][:0:-1]]
    at = content.column_names.index(column)
    changed = content.set_column(at, content.schema.field(column), pa.array(values, content[column].type))
    table.write(file.path, parquet.encode(changed))
    document = again(lake, tmp_path)
    table.write(file.path, kept)
    assert document["exit_code"] == 3
    assert [row for step in document["steps"] for row in step["examples"]] == [content[SAMPLE_ID][0].as_py()]


def test_a_recipe_for_other_rows_is_not_believed(folder, tmp_path, monkeypatch):
    """What is learned now is held against what was learned then."""
    from augmill.tasks.versions import refit

    monkeypatch.setattr(refit, "state_digest", lambda state: "another")
    document = again(lake_of(folder), tmp_path)
    assert document["different"] == document["rebuilt"] > 0
    assert any("gives other children" in reason for step in document["steps"] for reason in step["reasons"])


def test_fewer_rows_than_planned_are_fewer_children_and_are_reported(tmp_path):
    """ADASYN rounds the share of every row, and most shares of a few children to nothing."""
    mixed = [line.rsplit(",", 2)[0] for line in table_rows(0, 150)]
    labels = ("reed", "hay", "hay")
    write_csv(tmp_path / "data.csv", [f"{line},pale,{labels[at % 3]}" for at, line in enumerate(mixed)])
    step = """
  - name: hard
    transforms: [{use: tabular.resample, params: {sampler: ADASYN}, invariance: near one}]
    amount: {to_count: 50}
    only: [reed]
"""
    version = go(policy(tmp_path, "data.csv", step), tmp_path / "lake")
    (figures,) = version.manifest.figures["steps"]
    assert (figures["planned"], figures["made"]) == (15, len(children_of(tmp_path)))
    assert 0 < figures["made"] < 15


def test_a_sampler_that_finds_nothing_stops_the_run_with_advice(tmp_path):
    write_csv(tmp_path / "data.csv", table_rows(0, 150))
    steps = STEPS.replace("cluster_balance_threshold: 0.05", "cluster_balance_threshold: 1.5")
    with pytest.raises(DataError, match="KMeansSMOTE made no row of class 'reed': No clusters found") as caught:
        go(policy(tmp_path, "data.csv", steps), tmp_path / "lake")
    assert "Change its params" in caught.value.remedy
