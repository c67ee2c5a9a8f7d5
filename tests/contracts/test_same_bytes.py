"""The law that the product is built on: the same policy on the same data gives the same rows, byte for byte.

Whatever the shard size, the runner, the order of source files or the number of kills on the way. Each variation
runs on a lake of its own and is compared with one undisturbed run, row by row and column by column.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from augmill.tasks.rows.provenance import ORIGIN, PARENT_IDS, SAMPLE_ID, SEED, SOURCE, STEP
from augmill.tasks.runners import dask, process, thread
from augmill.tasks.storage.store import Store
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import (
    BLEND,
    DATASET,
    HEADER,
    NOISE,
    PICTURES,
    ROOT,
    SMOTE,
    environment,
    exactly,
    go,
    picture_policy,
    policy,
    rows,
    table_of,
    table_rows,
    write_csv,
    write_digits,
)

KINDS = {"table": DATASET, "pictures": PICTURES}


def made(kind: str, folder: Path) -> Path:
    """The policy of a kind over its data: three files of rows, two rows of which are alike, or 30 pictures."""
    if kind == "pictures":
        write_digits(folder / "data", labels=(0, 1, 4), per_label=10)
        return picture_policy(folder, "data")
    lines = table_rows(0, 60)
    for number in range(3):
        write_csv(folder / "data" / f"{number}.csv", [*lines[number * 20 : number * 20 + 20], lines[0]])
    return policy(folder, "data/*.csv", SMOTE + NOISE + BLEND)


@pytest.fixture(scope="module", params=list(KINDS))
def undisturbed(request, tmp_path_factory):
    """Kind, policy file and rows of a run that nobody disturbed, in shards as large as they come."""
    folder = tmp_path_factory.mktemp(request.param)
    file = made(request.param, folder)
    go(file, folder / "lake")
    return request.param, file, exactly(folder / "lake", dataset=KINDS[request.param])


@pytest.fixture(scope="module")
def dask_client():
    with dask.local_client(2) as client:
        yield client


def test_the_undisturbed_run_has_real_rows_and_children_of_every_step(undisturbed):
    kind, file, _ = undisturbed
    there = rows(file.parent / "lake", dataset=KINDS[kind])
    assert Counter(row[ORIGIN] for row in there)["real"] == (63 if kind == "table" else 30)
    assert {row[STEP] for row in there} - {None} == (
        {"between", "shaken", "blended"} if kind == "table" else {"posed", "blended", "pasted"}
    )


def test_in_every_file_rows_are_ordered_by_their_ids(undisturbed):
    kind, file, _ = undisturbed
    table = table_of(file.parent / "lake", KINDS[kind])
    for entry in table.current().files:
        ids = table.store.read_table(entry.path, [SAMPLE_ID])[SAMPLE_ID].to_pylist()
        assert ids == sorted(ids)


def test_copies_of_one_row_are_drawn_anew(tmp_path):
    write_csv(tmp_path / "data.csv", table_rows(0, 60))
    go(policy(tmp_path, "data.csv", NOISE.replace("copies: 1", "copies: 3")), tmp_path / "lake")
    children = [row for row in rows(tmp_path / "lake") if row[ORIGIN] != "real"]
    assert max(Counter(row[PARENT_IDS][0] for row in children).values()) == 3
    assert len({row[SEED] for row in children}) == len(children)
    assert len({(row["width"], row["height"]) for row in children}) == len(children)


@pytest.mark.parametrize("shard_rows", [1, 7])
def test_any_shard_size_gives_the_same_rows(undisturbed, shard_rows, tmp_path):
    kind, file, expected = undisturbed
    go(file, tmp_path / "lake", shard_rows=shard_rows)
    assert exactly(tmp_path / "lake", dataset=KINDS[kind]) == expected
    files = table_of(tmp_path / "lake", KINDS[kind]).current().files
    assert max(entry.rows for entry in files) <= shard_rows


def test_two_processes_give_the_same_rows(undisturbed, tmp_path):
    kind, file, expected = undisturbed
    with process.Runner(2) as runner:
        go(file, tmp_path / "lake", shard_rows=20, runner=runner)
        assert len(runner.pool) == 2, "the shards were not given to worker processes"
    assert exactly(tmp_path / "lake", dataset=KINDS[kind]) == expected


def test_dask_gives_the_same_rows(undisturbed, dask_client, tmp_path):
    kind, file, expected = undisturbed
    with dask.Runner(dask_client) as runner:
        go(file, tmp_path / "lake", shard_rows=20, runner=runner)
    assert exactly(tmp_path / "lake", dataset=KINDS[kind]) == expected


class Interrupted(process.Runner):
    """Two processes, until ctrl-C when two shards of the named function are done."""

    def __init__(self, function: str) -> None:
        super().__init__(2)
        self.function = function

    def map(self, function, items, weight=None, on_done=None):
        done = []

        def count(*facts) -> None:
            done.append(facts)
            if function.func.__name__ == self.function and len(done) == 2:
                raise KeyboardInterrupt
            on_done(*facts)

        return super().map(function, items, weight, count)


@pytest.mark.parametrize(
    ("undisturbed", "finisher"),
    [
        ("table", "dask"),
        ("pictures", "thread"),
        pytest.param("table", "thread", marks=pytest.mark.slow),
        pytest.param("pictures", "dask", marks=pytest.mark.slow),
    ],
    indirect=["undisturbed"],
)
def test_a_run_begun_on_processes_is_finished_by_another_runner(undisturbed, dask_client, finisher, tmp_path):
    """What the first one has made is used as it is, and the two together make what one alone would have made."""
    kind, file, expected = undisturbed
    go(file, tmp_path / "one", shard_rows=7)
    for function in ("validate_shard", "make_children"):
        with pytest.raises(KeyboardInterrupt), Interrupted(function) as runner:
            go(file, tmp_path / "two", shard_rows=7, runner=runner)
    before = works(tmp_path / "two")
    assert any("/children/" in name for name in before)
    with thread.Runner(2) if finisher == "thread" else dask.Runner(dask_client) as runner:
        go(file, tmp_path / "two", shard_rows=7, runner=runner)
    assert exactly(tmp_path / "two", dataset=KINDS[kind]) == expected
    after = works(tmp_path / "two")
    # Whoever was stopped between a result and its description has not finished it, so it is made again.
    begun = [name.removesuffix(".json") for name in after.keys() - before.keys() if name.endswith(".json")]
    kept = {name: at for name, at in before.items() if not name.startswith(tuple(begun))}
    assert any("/children/" in name for name in kept)
    assert kept.items() <= after.items()
    assert before.keys() < works(tmp_path / "two").keys() == works(tmp_path / "one").keys()


def works(lake: Path) -> dict[str, int]:
    """The results of stages by name, and when each was put in place."""
    found = (path for path in lake.rglob("work/*/*.*") if not path.name.startswith(".tmp-"))
    return {str(path.relative_to(lake)): path.stat().st_mtime_ns for path in found}


def test_renamed_and_reordered_files_give_the_same_rows(undisturbed, tmp_path):
    """Only the name under which a real row's source is known differs."""
    kind, file, _ = undisturbed
    for old in sorted((file.parent / "data").rglob("*.*")):
        new = tmp_path / "data" / old.relative_to(file.parent / "data")
        new = new.with_name("-".join([{"0": "z", "1": "a"}.get(old.stem[0], "m") + old.stem[::-1]]) + old.suffix)
        new.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(old, new)
    shutil.copy(file, tmp_path)
    go(tmp_path / file.name, tmp_path / "lake", shard_rows=20)
    assert without(rows(tmp_path / "lake", dataset=KINDS[kind]), "object") == without(
        rows(file.parent / "lake", dataset=KINDS[kind]), "object"
    )


def test_lines_in_another_order_and_other_files_give_the_same_rows(tmp_path):
    lines = table_rows(0, 90)
    write_csv(tmp_path / "one" / "all.csv", [*lines, lines[0]])
    write_csv(tmp_path / "two" / "a.csv", lines[:40:-1])
    write_csv(tmp_path / "two" / "b.csv", [lines[0], *lines[40::-1]])
    for name in ("one", "two"):
        go(policy(tmp_path / name, "*.csv", SMOTE + NOISE + BLEND), tmp_path / name / "lake", shard_rows=30)
    one, two = (without(rows(tmp_path / name / "lake"), "object", "sha256", "row") for name in ("one", "two"))
    assert one == two


def test_columns_in_another_order_in_every_file_give_the_same_rows(tmp_path):
    lines = table_rows(0, 90)
    turned = [",".join(reversed(line.split(","))) for line in lines]
    other = ",".join(reversed(HEADER.split(",")))
    write_csv(tmp_path / "one" / "a.csv", lines[:45])
    write_csv(tmp_path / "one" / "b.csv", turned[45:], other)
    write_csv(tmp_path / "two" / "a.csv", turned[:45], other)
    write_csv(tmp_path / "two" / "b.csv", lines[45:])
    for name in ("one", "two"):
        go(policy(tmp_path / name, "*.csv", SMOTE + NOISE + BLEND), tmp_path / name / "lake")
    one, two = (without(rows(tmp_path / name / "lake"), "sha256") for name in ("one", "two"))
    assert one == two


def without(found: list[dict], *fields: str) -> list[str]:
    """Rows as text, but for fields of their source."""
    for row in found:
        if "image" in row:
            row["image"]["path"] = None
        for field in fields:
            if row[SOURCE]:
                row[SOURCE][field] = None
    return [repr(sorted(row.items())) for row in found]


@pytest.mark.parametrize(
    "undisturbed", ["table", pytest.param("pictures", marks=pytest.mark.slow)], indirect=["undisturbed"]
)
def test_runs_killed_by_signal_9_at_ever_later_moments_leave_nothing_behind(undisturbed, tmp_path):
    kind, file, expected = undisturbed
    done = subprocess.run(
        [sys.executable, "-m", "tests.end_to_end.killed", str(file), str(tmp_path / "lake"), "20"],
        env=environment(tmp_path / "home"),
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["killed"] >= 5
    assert exactly(tmp_path / "lake", dataset=KINDS[kind]) == expected
    assert table_of(tmp_path / "lake", KINDS[kind]).versions() == [0]
    assert Lake(Store(str(tmp_path / "lake"))).datasets() == [KINDS[kind]]
    left = [path for path in tmp_path.rglob("*") if path.name.startswith(".tmp-")]
    assert left == []
