"""Every published child can be made again, byte for byte; whatever was altered is named."""

import json

import pyarrow as pa
import pytest

from augmill.flows.cli import main
from augmill.policies.errors import PolicyError
from augmill.tasks.rows.provenance import OPS, ORIGIN, SAMPLE_ID, SEED
from augmill.tasks.runners.thread import Runner
from augmill.tasks.storage import parquet
from augmill.tasks.storage.store import Store
from augmill.tasks.versions import rebuild as work
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import (
    DATASET,
    NOISE,
    SMOTE,
    go,
    picture_policy,
    policy,
    rows,
    table_rows,
    write_csv,
    write_digits,
)

MIXUP = "  - {name: blended, transforms: [{use: tabular.mixup, invariance: a blend}], amount: {copies: 1}}\n"


@pytest.fixture(scope="module", params=["table", "pictures"])
def lake(request, tmp_path_factory):
    """A lake with one version, whose steps make children of one and of two parents."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "table":
        write_csv(folder / "data.csv", table_rows(0, 120))
        file = policy(folder, "data.csv", SMOTE + NOISE + MIXUP)
    else:
        write_digits(folder / "digits", [3, 8], 12)
        file = picture_policy(folder, "digits", dataset=DATASET)
    go(file, folder / "lake", shard_rows=20)
    return Lake(Store(str(folder / "lake")))


def again(lake, tmp_path, ids=None):
    found = lake.find(DATASET)
    ctx = work.context_of(lake, found, None, str(tmp_path / "scratch"))
    with Runner(2) as runner:
        return work.rebuild(ctx, runner, found, ids)


def children(lake):
    return [row for row in rows(lake.store.uri, dataset=DATASET) if row[ORIGIN] != "real"]


def test_every_child_of_a_version_comes_out_the_same(lake, tmp_path):
    before = {entry.name for entry in lake.store.list()}
    document = again(lake, tmp_path)
    assert document["rebuilt"] == len(children(lake)) > 0
    assert document["different"] == 0
    assert document["real"]["rows"] > 0
    assert document["real"]["altered"] == []
    assert document["exit_code"] == 0
    assert {entry.name for entry in lake.store.list()} == before


def test_single_rows_are_found_and_made_again(lake, tmp_path):
    one, two = (row[SAMPLE_ID] for row in children(lake)[:2])
    assert again(lake, tmp_path, [one, two])["rebuilt"] == 2
    with pytest.raises(PolicyError, match="no row 00000000000000000000000000000000"):
        again(lake, tmp_path, [one, "0" * 32])


def test_a_sample_is_always_the_same(lake, tmp_path):
    found = lake.find(DATASET)
    ctx = work.context_of(lake, found, None, str(tmp_path / "scratch"))
    few = work.sample(ctx, found.manifest, 3)
    assert few == sorted(row[SAMPLE_ID] for row in children(lake))[:3]
    assert work.sample(ctx, found.manifest, 5)[:3] == few


def tampered(lake, change):
    """A version whose first file of children was changed; puts it back."""
    table = lake.store.sub(DATASET)
    file = next(file for file in lake.find(DATASET).manifest.data_files if file.origin != "real")
    kept = table.read(file.path)
    rows = table.read_table(file.path)
    table.write(file.path, parquet.encode(change(rows)))
    yield rows[SAMPLE_ID][0].as_py()
    table.write(file.path, kept)


CHANGES = {
    "a draw": lambda rows: changed(rows, OPS, lambda text: text.replace('"drawn":{', '"drawn":{"x":1,')),
    "a seed": lambda rows: changed(rows, SEED, lambda seed: seed + 1),
    "an id": lambda rows: changed(rows, SAMPLE_ID, lambda name: "f" * 32),
    "a value": lambda rows: changed(rows, user_column(rows), other),
}


def user_column(rows):
    return "width" if "width" in rows.column_names else "image"


def other(value):
    return {**value, "bytes": value["bytes"] + b"x"} if isinstance(value, dict) else value + 1e-9


def changed(rows, name, change):
    values = rows[name].to_pylist()
    values[0] = change(values[0])
    return rows.set_column(rows.column_names.index(name), rows.schema.field(name), pa.array(values, rows[name].type))


@pytest.mark.parametrize("what", list(CHANGES))
def test_a_child_that_was_altered_is_named(lake, tmp_path, what):
    for name in tampered(lake, CHANGES[what]):
        document = again(lake, tmp_path)
        assert document["exit_code"] == 3
        examples = [row for step in document["steps"] for row in step["examples"]]
        assert ("f" * 32 if what == "an id" else name) in examples
    assert again(lake, tmp_path)["exit_code"] == 0


def test_a_recipe_that_was_altered_is_not_believed(lake, tmp_path):
    objects = lake.objects(DATASET)
    name = next(entry.name for entry in objects.list("recipes/"))
    kept = objects.read(name)
    objects.write(name, json.dumps({**json.loads(kept), "seed": 8}).encode())
    document = again(lake, tmp_path)
    objects.write(name, kept)
    assert document["exit_code"] == 3
    assert any("is not what it was" in reason for step in document["steps"] for reason in step["reasons"])


def test_a_file_of_real_rows_that_was_altered_is_named(lake, tmp_path):
    table = lake.store.sub(DATASET)
    file = next(file for file in lake.find(DATASET).manifest.data_files if file.split == "test")
    kept = table.read(file.path)
    table.write(file.path, kept + b" ")
    document = again(lake, tmp_path)
    table.write(file.path, kept)
    assert document["real"]["altered"] == [file.path]
    assert document["exit_code"] == 3


def test_the_command_says_so(lake, monkeypatch, capfd):
    monkeypatch.setenv("AUGMILL_LAKE", lake.store.uri)
    assert main(["rebuild", DATASET, "--all"]) == 0
    assert "none is different" in capfd.readouterr().out
    assert main(["rebuild", f"{DATASET}@0", "--sample", "2", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["rebuilt"] == 2
    assert main(["rebuild", DATASET]) == 2
    assert main(["rebuild", f"{DATASET}@7", "--all"]) == 2
    for name in tampered(lake, CHANGES["a seed"]):
        assert main(["rebuild", DATASET, name]) == 3
        assert f"different: {name}" in capfd.readouterr().out
