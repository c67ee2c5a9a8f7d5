"""Labels that a transform keeps, forbids or remaps, from the policy to the published rows and back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from augmill.policies.errors import DataError, PolicyError
from augmill.tasks.rows.provenance import LABEL_WEIGHTS, OPS, PARENT_IDS, SAMPLE_ID
from augmill.tasks.runners.thread import Runner
from augmill.tasks.storage.store import Store
from augmill.tasks.summaries import explain_text
from augmill.tasks.versions import rebuild
from augmill.tasks.versions.explain import explain
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import (
    LOOSE,
    MILD,
    PICTURES,
    go,
    picture_policy,
    quarantined,
    rows,
    table_of,
    write_csv,
)
from tests.end_to_end.helpers import policy as table_policy

TURNED = """
  - name: mirrored
    transforms:
      - use: image.horizontal_flip
        invariance: an arrow to the left points right in a mirror
        labels: {left: {remap: right}, right: {remap: left}, up: keep, odd: forbid}
    amount: AMOUNT
"""
CHAIN = """
  - name: mirrored
    transforms:
      - {use: image.gaussian_noise, params: {std_share_range: [0.01, 0.02]}, invariance: poor pens}
      - use: image.horizontal_flip
        invariance: an arrow to the left points right in a mirror
        labels: {left: {remap: right}, right: {remap: left}}
        probability: 0.5
    amount: {copies: 2}
    only: [left, right]
"""
BLENDED = """
  - name: blended
    transforms:
      - {use: image.mixup, invariance: the label is blended alike}
      - use: image.horizontal_flip
        invariance: an arrow to the left points right in a mirror
        labels: {left: {remap: right}, right: {remap: left}, up: keep, odd: forbid}
    amount: {copies: 1}
"""


def arrows(folder: Path, counts: dict[str, int]) -> Path:
    """Pictures of arrows in 12 x 12 pixels: to the left, to the right, up, and an odd one with a dot."""
    import cv2

    for label, count in counts.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            random = np.random.default_rng([number, len(label), ord(label[0])])
            image = random.integers(0, 40, (12, 12)).astype(np.uint8)
            at = int(random.integers(4, 8))
            if label == "up":
                image[2:10, at] = 250
                image[2, at - 2 : at + 3] = 250
            else:
                image[at, 2:10] = 250
                image[at - 2 : at + 3, 2 if label == "left" else 9] = 250
            if label == "odd":
                image[0, 0] = 255
            ok, encoded = cv2.imencode(".png", image)
            assert ok
            (folder / label / f"{number:03d}.png").write_bytes(encoded.tobytes())
    return folder


def policy(folder: Path, steps: str, counts: dict[str, int] | None = None) -> Path:
    arrows(folder / "data", counts or {"left": 40, "right": 20, "up": 20, "odd": 20})
    checks = f"{{label_consistency: {MILD}, distribution: {LOOSE}}}"
    return picture_policy(folder, "data", steps, checks=checks, split="{fractions: {train: 1.0}}")


def published(folder: Path) -> tuple[dict[str, dict], list[dict]]:
    """Real rows by id, and children."""
    found = rows(folder / "lake", dataset=PICTURES)
    real = {row[SAMPLE_ID]: row for row in found if row["augmill_origin"] == "real"}
    return real, [row for row in found if row["augmill_origin"] != "real"]


def test_children_of_remapped_rows_carry_the_new_label_and_forbidden_rows_have_none(tmp_path):
    version = go(policy(tmp_path, TURNED.replace("AMOUNT", "{copies: 1}")), tmp_path / "lake")
    real, children = published(tmp_path)
    pairs = Counter((real[child[PARENT_IDS][0]]["label"], child["label"]) for child in children)
    assert pairs == {("left", "right"): 40, ("right", "left"): 20, ("up", "up"): 20}
    notes = {child["label"]: json.loads(child[OPS])[0].get("relabelled") for child in children}
    assert notes == {"right": {"left": "right"}, "left": {"right": "left"}, "up": None}
    counts = version.manifest.figures["rows"]["by_split_origin_label"]["train"]["augmented"]
    assert counts == {"left": 20, "right": 40, "up": 20}
    assert {file.step: file.labels for file in version.manifest.data_files if file.step and "up" in file.labels} == {
        "mirrored": {"up": 20}
    }


def test_amounts_count_remapped_children_under_their_new_class(tmp_path):
    go(policy(tmp_path, TURNED.replace("AMOUNT", "{balance: true}")), tmp_path / "lake")
    real, children = published(tmp_path)
    # `right` lacks 20 rows, and gets them from `left`; `left` is the largest class, so `right` has no child.
    assert Counter((real[child[PARENT_IDS][0]]["label"], child["label"]) for child in children) == {
        ("left", "right"): 20,
        ("up", "up"): 20,
    }


def test_in_a_chain_only_children_that_were_mirrored_are_remapped(tmp_path):
    version = go(policy(tmp_path, CHAIN), tmp_path / "lake")
    real, children = published(tmp_path)
    assert len(children) == 120
    mirrored = 0
    for child in children:
        turned = "image.horizontal_flip" in child[OPS]
        mirrored += turned
        assert (child["label"] != real[child[PARENT_IDS][0]]["label"]) == turned
    assert 30 < mirrored < 90
    counts = version.manifest.figures["rows"]["by_split_origin_label"]["train"]["augmented"]
    assert counts == Counter(child["label"] for child in children)
    assert audit(tmp_path) == {"rebuilt": 120, "different": 0}


def test_mixtures_are_remapped_share_by_share_and_forbidden_rows_are_no_partners(tmp_path):
    go(policy(tmp_path, BLENDED), tmp_path / "lake")
    real, children = published(tmp_path)
    assert len(children) == 80
    swap = {"left": "right", "right": "left"}
    for child in children:
        labels = [real[parent]["label"] for parent in child[PARENT_IDS]]
        assert "odd" not in labels
        assert {swap.get(label, label) for label in labels} == {one["label"] for one in child[LABEL_WEIGHTS]}
        assert child["label"] == swap.get(labels[0], labels[0])
    assert audit(tmp_path) == {"rebuilt": 80, "different": 0}


def audit(folder: Path) -> dict[str, int]:
    """Every child made again from its parents and its record."""
    lake = Lake(Store(str(folder / "lake")))
    found = lake.find(PICTURES)
    ctx = rebuild.context_of(lake, found, None, str(folder / "scratch"))
    with Runner(1) as runner:
        told = rebuild.rebuild(ctx, runner, found, None)
    return {key: told[key] for key in ("rebuilt", "different")}


def test_explain_tells_what_a_transform_made_of_the_label(tmp_path):
    go(policy(tmp_path, TURNED.replace("AMOUNT", "{copies: 1}")), tmp_path / "lake")
    _, children = published(tmp_path)
    child = next(child for child in children if child["label"] == "right")
    lake = Lake(Store(str(tmp_path / "lake")))
    found = lake.find(PICTURES)
    ctx = rebuild.context_of(lake, found, None, str(tmp_path / "scratch"))
    told = explain_text.text(explain(lake, ctx, found, child[SAMPLE_ID]))
    assert "    image.horizontal_flip \n      makes right of left\n" in told


def change(label: str, column: str, value):
    """Another value for the first child of rows of `label`."""

    def spoil(run, children):
        shard = next(shard for shard in children if shard.label == label)
        table = run.ctx.work.read_table(f"{shard.name}.parquet")
        at = table.schema.get_field_index(column)
        values = [value(run, table), *table[column].to_pylist()[1:]]
        kind = table.schema.field(at)
        run.ctx.work.write_table(f"{shard.name}.parquet", table.set_column(at, kind, pa.array(values, kind.type)))
        return children

    return {"augment": spoil}


def odd_row(run, table):
    index = run.ctx.table.read_table(next(e.name for e in run.ctx.table.list() if e.name.endswith(".parquet")))
    labels = dict(zip(index[SAMPLE_ID].to_pylist(), index["label"].to_pylist(), strict=True))
    return [next(name for name, label in labels.items() if label == "odd")]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("label", lambda run, table: "left"),  # not remapped
        ("label", lambda run, table: "up"),  # remapped to the wrong class
        (PARENT_IDS, odd_row),  # a child of a forbidden row
    ],
    ids=["not remapped", "wrong remap", "forbidden parent"],
)
def test_a_planted_wrong_remap_ends_the_run(tmp_path, column, value):
    file = policy(tmp_path, TURNED.replace("AMOUNT", "{copies: 1}"))
    with pytest.raises(DataError) as caught:
        go(file, tmp_path / "lake", tamper=change("left", column, value))
    assert "labels_as_promised" in _failed(caught.value)
    assert table_of(tmp_path / "lake", PICTURES).versions() == []


def _failed(error: DataError) -> list[str]:
    return [check["name"] for check in error.report["failed"]]


@pytest.mark.parametrize(
    ("labels", "amount", "words"),
    [
        ("{lft: forbid}", "{copies: 1}", ["AUG204", "no class 'lft'", "left"]),
        ("{left: {remap: rihgt}}", "{copies: 1}", ["AUG204", "no class 'rihgt'", "right"]),
        ("{left: forbid, right: forbid, up: forbid, odd: forbid}", "{copies: 1}", ["AUG206", "would make nothing"]),
        ("{left: keep}", "{copies: 1}", ["AUG201", "nothing is said of the labels odd, right, up"]),
    ],
)
def test_labels_that_cannot_be_are_refused_with_their_line(tmp_path, labels, amount, words):
    steps = TURNED[: TURNED.index("        labels:")] + f"        labels: {labels}\n    amount: {amount}\n"
    with pytest.raises(PolicyError) as caught:
        go(policy(tmp_path, steps), tmp_path / "lake")
    for word in words:
        assert word in str(caught.value)
    assert table_of(tmp_path / "lake", PICTURES).versions() == []


SIGNS = """
  - name: again
    transforms:
      - use: tabular.gaussian_noise
        invariance: measured again, under the merged name
        params: {scale: 0.05}
        labels: {7: {remap: 3}, 9: forbid}
    amount: {to_count: 60}
"""


def signs(folder: Path, places: dict[int, float], checks: str) -> Counter:
    """Real label and child's label of the published children of a table of three classes."""
    random = np.random.default_rng(3)
    lines = [f"{random.normal(places[k]):.4f},{random.normal(-places[k]):.4f},{k}" for k in list(places) * 25]
    write_csv(folder / "data.csv", lines, "a,b,kind")
    keys = {"ignore": "[]", "split": "{fractions: {train: 1.0}}", "checks": checks}
    go(table_policy(folder, "data.csv", SIGNS, **keys), folder / "lake")
    found = rows(folder / "lake")
    real = {row[SAMPLE_ID]: row["kind"] for row in found if row["augmill_origin"] == "real"}
    return Counter((real[row[PARENT_IDS][0]], row["kind"]) for row in found if row["augmill_origin"] != "real")


def test_a_table_with_whole_numbers_for_labels_is_remapped_in_its_own_type(tmp_path):
    checks = f"{{label_consistency: {MILD.replace('}', ', on_failure: warn}')}, distribution: {LOOSE}}}"
    # 25 rows of class 3 lack 35 to 60: half of them from rows of 7, half from its own.
    assert signs(tmp_path, {3: 3.0, 7: 3.0, 9: 9.0}, checks) == {(3, 3): 18, (7, 3): 17}


def test_the_verifier_judges_the_new_label(tmp_path):
    made = signs(tmp_path, {3: 0.0, 7: 9.0, 9: 30.0}, f"{{label_consistency: {MILD}, distribution: {LOOSE}}}")
    assert made[7, 3] == 0
    assert made[3, 3] >= 17
    assert len(quarantined(tmp_path / "lake", children=True)) >= 17
