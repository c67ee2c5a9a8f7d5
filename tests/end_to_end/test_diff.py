"""What differs between two versions, counted against the rows themselves."""

import json
from collections import Counter

import numpy as np
import pytest
from scipy.stats import ks_2samp

from augmill.flows.cli import main
from augmill.tasks.rows.provenance import ORIGIN, SAMPLE_ID, SPLIT, STEP
from augmill.tasks.storage.store import Store
from augmill.tasks.versions import diff as work
from augmill.tasks.versions.diff import compare
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import BLEND, DATASET, LOOSE, MILD, NOISE, go, policy, rows, table_rows, write_csv

MILDER = MILD.replace("min_rate: 0.5", "min_rate: 0.4")
OTHER = {"checks": f"{{label_consistency: {MILDER}, distribution: {LOOSE}}}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """0: a and b. 1: b is replaced by c, one more step. 2: the same rows again, another check. 3: another salt."""
    folder = tmp_path_factory.mktemp("diff")
    write_csv(folder / "data" / "a.csv", table_rows(0, 80))
    write_csv(folder / "data" / "b.csv", table_rows(80, 40))
    go(policy(folder, "data/*.csv", NOISE), folder / "lake")
    (folder / "data" / "b.csv").unlink()
    write_csv(folder / "data" / "c.csv", table_rows(200, 60, (0.2, 0.2, 0.6)))
    go(policy(folder, "data/*.csv", NOISE + BLEND), folder / "lake")
    go(policy(folder, "data/*.csv", NOISE + BLEND, **OTHER), folder / "lake")
    go(policy(folder, "data/*.csv", NOISE + BLEND, **OTHER, split="{salt: pepper}"), folder / "lake")
    return folder


def between(folder, a, b):
    lake = Lake(Store(str(folder / "lake")))
    return compare(lake, lake.find(f"{DATASET}@{a}"), lake.find(f"{DATASET}@{b}"))


def counted(there, ids):
    keys = Counter((row[ORIGIN], row[SPLIT], row[STEP] or "", row["kind"]) for row in there if row[SAMPLE_ID] in ids)
    return [
        dict(zip(("origin", "split", "step", "label", "rows"), (*key, n), strict=True))
        for key, n in sorted(keys.items())
    ]


@pytest.mark.parametrize(("a", "b"), [(0, 1), (1, 0), (1, 3), (0, 3)])
def test_rows_that_came_and_went_are_counted_per_origin_split_step_and_class(folder, a, b):
    old, new = rows(folder / "lake", a), rows(folder / "lake", b)
    was, now = ({row[SAMPLE_ID]: row[SPLIT] for row in side} for side in (old, new))
    found = between(folder, a, b)["rows"]
    assert found["added"] == counted(new, now.keys() - was.keys())
    assert found["removed"] == counted(old, was.keys() - now.keys())
    assert found["kept"] == len(was.keys() & now.keys())
    assert found["moved"] == sum(was[name] != now[name] for name in was.keys() & now.keys())
    assert found["moved"] > 0 or 3 not in (a, b)


def test_only_the_policy_differs_where_no_row_does(folder, monkeypatch):
    monkeypatch.setattr(Store, "read_table", lambda *_, **__: pytest.fail("a file of both versions was opened"))
    document = between(folder, 1, 2)
    assert document["rows"]["added"] == document["rows"]["removed"] == document["shift"] == []
    assert "min_rate: 0.4" in document["policy_diff"]
    assert between(folder, 2, 2)["policy_diff"] == ""


def test_the_shift_of_numbers_is_the_distance_of_kolmogorov_and_smirnov(folder):
    shift = {one["column"]: one for one in between(folder, 0, 1)["shift"]}
    train = [[row for row in rows(folder / "lake", version) if row[SPLIT] == "train"] for version in (0, 1)]
    for name in ("width", "height", "grains"):
        old, new = ([row[name] for row in side] for side in train)
        assert shift[name]["distance"] == pytest.approx(ks_2samp(old, new).statistic, abs=1e-6)
        assert shift[name]["mean"] == pytest.approx([np.mean(old), np.mean(new)])
    kinds = [Counter(row["kind"] for row in side) for side in train]
    parts = [kinds[0][name] / kinds[0].total() - kinds[1][name] / kinds[1].total() for name in kinds[0] | kinds[1]]
    assert shift["kind"]["distance"] == pytest.approx(sum(map(abs, parts)) / 2, abs=1e-6)
    assert next(iter(shift)) == max(shift, key=lambda name: shift[name]["distance"])


def test_of_many_rows_a_sample_tells_the_shift(folder, monkeypatch):
    whole = {one["column"]: one["distance"] for one in between(folder, 0, 1)["shift"]}
    monkeypatch.setattr(work, "SAMPLE_ROWS", 60)
    sample = {one["column"]: one["distance"] for one in between(folder, 0, 1)["shift"]}
    assert sample != whole
    assert sample == {one["column"]: one["distance"] for one in between(folder, 0, 1)["shift"]}
    assert sample["width"] == pytest.approx(whole["width"], abs=0.2)


def test_figures_stand_side_by_side(folder):
    figures = {one["name"]: (one["a"], one["b"]) for one in between(folder, 0, 1)["figures"]}
    assert figures["rows, real"] == (120, 140)
    assert figures["rows, augmented"][0] > 0
    assert figures["rows, augmented"][1] > figures["rows, augmented"][0]
    assert figures["check parents to exist"] == (1.0, 1.0)


def test_a_corrected_row_of_a_key_is_changed_not_added(tmp_path):
    header = "id,width,height,grains,colour,kind"
    lines = [f"k{number},{line}" for number, line in enumerate(table_rows(0, 60))]
    write_csv(tmp_path / "data.csv", lines, header)
    go(policy(tmp_path, "data.csv", "", key="id"), tmp_path / "lake")
    lines[3:5] = [
        line.replace("pale", "dark") if "pale" in line else line.replace("dark", "pale") for line in lines[3:5]
    ]
    write_csv(tmp_path / "data.csv", lines, header)
    go(policy(tmp_path, "data.csv", "", key="id"), tmp_path / "lake")
    found = between(tmp_path, 0, 1)["rows"]
    assert (found["changed"], found["added"], found["removed"], found["kept"]) == (2, [], [], 60)


def test_the_command_prints_text_json_and_markdown(folder, monkeypatch, capfd, tmp_path):
    monkeypatch.setenv("AUGMILL_LAKE", str(folder / "lake"))

    def told(*args, code=0):
        assert main(["diff", *args]) == code
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return out + err

    both = (f"{DATASET}@0", f"{DATASET}@1")
    assert told(*both).startswith("made@0 to made@1: ")
    one = json.loads(told(*both, "--json"))["rows"]["added"][0]
    cells = ["+", one["origin"], one["split"], one["step"] or "-", one["label"], str(one["rows"])]
    assert cells in [line.split() for line in told(*both).splitlines()]
    assert f"| {' | '.join(cells)} |" in told(*both, "--markdown")
    told(*both, "--markdown", "--json", code=2)
    told(f"{DATASET}@0", f"{DATASET}@9", code=2)
    told(f"{DATASET}@0", "nobody@1", code=2)
    told(f"{DATASET}@0", f"{DATASET}@nochannel", code=2)
    go(policy(tmp_path, str(folder / "data" / "a.csv"), "", dataset="other"), folder / "lake")
    assert "made and other are two data sets" in told(f"{DATASET}@0", "other@0", code=2)
