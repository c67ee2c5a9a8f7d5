"""Probe: which classes a transform makes inconsistent, from which magnitude on, without being told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from augmill.policies.errors import DataError, PolicyError
from augmill.tasks.dry_runs import probe_bench
from augmill.tasks.dry_runs.probe import probe
from augmill.tasks.html_pages import probe_html
from augmill.tasks.rows.provenance import PARENT_IDS, SAMPLE_ID
from augmill.tasks.runners.thread import Runner
from augmill.tasks.runs.request import resolve_request
from augmill.tasks.summaries import probe_text
from augmill.tasks.verifiers.label_shift import SHORT
from tests.end_to_end.helpers import NOISE, SMOTE, policy, table_rows, write_csv

DIGITS = """\
dataset: digits
description: Read handwritten digits.
modality: image
source: {uri: SOURCE}
label: label
steps: STEPS
"""


def probed(file: Path, *uses: str, rows: int = 120, plugins: Path | None = None) -> dict:
    home = file.parent / "home"
    asked = resolve_request(file, lake=str(file.parent / "lake"), home=home, plugins=plugins, refuse_errors=False)
    with Runner(2) as runner:
        document = probe(asked, runner, str(file.parent / "scratch"), uses, rows)
    assert not (file.parent / "lake").exists()
    json.dumps(document, allow_nan=False)
    return document


def digits(folder: Path, source: str = '"builtin:digits"', steps: str = "[]") -> Path:
    file = folder / "digits.yaml"
    file.write_text(DIGITS.replace("SOURCE", source).replace("STEPS", steps))
    return file


def classes(one: dict, key: str) -> set[str]:
    return {row["label"] for row in one["classes"] if row[key] is not None}


def assert_six_and_nine_are_inconsistent_and_zero_and_eight_are_not(document: dict) -> None:
    turn, flip = document["transforms"]
    for one in (turn, flip):
        assert {"6", "9"} <= classes(one, "inconsistent_at")
        assert not {"0", "8"} & classes(one, "inconsistent_at")
    begins = {row["label"]: row["inconsistent_at"] for row in turn["classes"]}
    angles = {point["at"]: point["ranges"]["angle_degrees_range"][1] for point in turn["points"]}
    assert all(90.0 <= angles[begins[label]] <= 180.0 for label in ("6", "9"))
    low, high = turn["suggested"]["params"]["angle_degrees_range"]
    assert low == -high
    assert 2.0 < high < 15.0


@pytest.fixture(scope="module")
def curves(tmp_path_factory) -> dict:
    """Rotation and flip of scikit-learn's digits, by name."""
    return probed(digits(tmp_path_factory.mktemp("digits")), "image.rotate", "image.vertical_flip")


def test_turning_makes_6_and_9_inconsistent_and_leaves_0_and_8_what_they_are(curves):
    turn = curves["transforms"][0]
    assert "6" in classes(turn, "inconsistent_at")
    assert {"6", "9"} <= classes(turn, "degraded_at")
    assert not {"0", "8"} & (classes(turn, "inconsistent_at") | classes(turn, "degraded_at"))
    last = {row["label"]: row["moved_share"] for row in turn["points"][-1]["by_class"]}
    assert turn["points"][-1]["ranges"] == {"angle_degrees_range": [-180.0, 180.0]}
    assert last["0"] < 0.05
    assert last["8"] < 0.05
    assert last["6"] > 0.9
    assert last["9"] > 0.3


def test_flipping_moves_6_and_9_and_leaves_0_and_8_what_they_are(curves):
    flip = curves["transforms"][1]
    assert flip["kind"] == "on_off"
    states = {row["label"]: row["status"] for row in flip["points"][0]["by_class"]}
    assert states["6"] == "inconsistent"
    assert states["9"] in ("inconsistent", "degraded")
    assert states["0"] == states["8"] == "consistent"
    (advice,) = [line for line in probe_text.verdict_lines(flip, 0.99) if line.startswith("suggest")]
    assert "6: forbid" in advice
    assert "9: forbid" in advice
    assert "0: forbid" not in advice
    assert "8: forbid" not in advice


def test_the_suggested_range_lies_below_the_first_that_falls_short(curves):
    turn = curves["transforms"][0]
    short = [
        point["at"]
        for point in turn["points"]
        if {point["all"]["status"], *(row["status"] for row in point["by_class"])} & set(SHORT)
    ]
    assert 0.0 < turn["suggested"]["at"] < min(short)
    low, high = turn["suggested"]["params"]["angle_degrees_range"]
    exact = next(p for p in turn["points"] if p["at"] == turn["suggested"]["at"])["ranges"]["angle_degrees_range"][1]
    assert exact * 0.99 < high <= exact
    assert low == -high
    assert {
        row["label"] for row in turn["classes"] if row["short_at"] == min(row["short_at"] for row in turn["classes"])
    }
    # Real rows are the floor: held out as children are, they are contradicted at most alpha of the time.
    assert curves["real"]["all"]["moved_share"] <= 0.01


def test_the_page_stands_alone_and_shows_a_line_per_class(curves):
    page = probe_html.render(curves).decode()
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert page.count("<polyline") == 11  # ten classes, and how many are unfamiliar
    assert page.count("<svg") == 2
    text = probe_text.text(curves)
    assert re.search(r"inconsistent .*6.* from angle_degrees_range: \[-180, 180\]", text)
    assert "image.vertical_flip" in text


@pytest.mark.slow
def test_on_mnist_turns_and_flips_make_6_and_9_inconsistent_and_leave_0_and_8_alone(tmp_path, shared_data):
    folder = shared_data / "mnist_digits"
    file = digits(tmp_path, f"{{train: {folder / 'train'}, test: {folder / 'test'}}}")
    document = probed(file, "image.rotate", "image.vertical_flip", rows=100)
    assert_six_and_nine_are_inconsistent_and_zero_and_eight_are_not(document)


TABLE = (
    NOISE
    + """
  - name: between
    transforms: [{use: tabular.smote, params: {k_neighbors: 3}, invariance: between two of a kind}]
    amount: {balance: true}
  - name: again
    transforms:
      - {use: tabular.gaussian_noise, params: {scale: 0.05}, invariance: measured twice}
      - {use: tabular.mixup, invariance: the label is blended alike}
      - {use: tabular.random_oversample, invariance: the same row}
    amount: {copies: 1}
"""
)


def test_every_transform_of_a_table_is_probed_once_by_what_is_natural_to_it(tmp_path):
    write_csv(tmp_path / "data.csv", table_rows(0, 400, (0.4, 0.3, 0.3)))
    document = probed(policy(tmp_path, "data.csv", TABLE))
    kinds = {one["use"]: (one["kind"], one["steps"]) for one in document["transforms"]}
    assert kinds == {
        "tabular.gaussian_noise": ("range", ["shaken", "again"]),
        "tabular.smote": ("weight", ["between"]),
        "tabular.mixup": ("on_off", ["again"]),
        "tabular.random_oversample": ("on_off", ["again"]),
    }
    noise, smote, _, copies = document["transforms"]
    assert [point["at"] for point in smote["points"]] == [0.1, 0.25, 0.5, 0.75, 0.9, 1.0]
    assert noise["points"][-1]["ranges"] == {"scale": 1.6}
    assert noise["points"][-1]["all"]["moved_share"] >= noise["points"][0]["all"]["moved_share"]
    # A copy is the row itself, judged by the same model: exactly the noise floor.
    assert copies["points"][0]["by_class"] == document["real"]["by_class"]
    assert "weight 0.5" in probe_text.text(document)
    assert probe_html.render(document).count(b"<svg") == 4


PLUGIN = '''"""Moves every number away, by one draw of the policy's range."""
from typing import Annotated

import numpy as np
from augmill.tasks.rows.randomness import uniforms
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters
from augmill.tasks.transforms.image._params import FloatRange, Within
from augmill.tasks.transforms.table import Block


class Params(Parameters):
    """How far."""

    shift_range: Annotated[FloatRange, Within(0, 8)] = (0.0, 1.0)


ACCEPTS = Accepts(missing="kept")
BEHAVIOUR = Behaviour()


def draw(params, spec, state, seeds, bases):
    low, high = params.shift_range
    return {"shift": low + (high - low) * uniforms(seeds, "shift")}


def apply(params, spec, parents, draws):
    return Block(parents[0].numeric + draws["shift"][:, None] * np.array([[1.0, -0.75, 1.0]]), parents[0].codes)
'''


def test_a_transform_of_one_new_file_is_probed_like_any_other(tmp_path):
    folder = tmp_path / "plugins" / "transforms" / "tabular"
    folder.mkdir(parents=True)
    (folder / "shift.py").write_text(PLUGIN)
    write_csv(tmp_path / "data.csv", table_rows(0, 400, (0.4, 0.3, 0.3)))
    (one,) = probed(policy(tmp_path, "data.csv", ""), "tabular.shift", plugins=tmp_path / "plugins")["transforms"]
    assert one["points"][-1]["ranges"] == {"shift_range": [0.0, 8.0]}
    # Classes lie 4 apart along this way: moved by one class, hay is straw and straw is reed.
    assert {"hay", "straw"} <= classes(one, "inconsistent_at")
    assert 0.0 < one["suggested"]["params"]["shift_range"][1] < 4.0


def test_forbidden_labels_are_left_out_and_remapped_ones_judged_by_their_new_name(tmp_path):
    steps = """
  - name: mirrored
    transforms:
      - {use: image.vertical_flip, invariance: x, labels: {7: forbid, 0: {remap: 8}}}
    amount: {copies: 1}
"""
    (one,) = probed(digits(tmp_path, steps=steps.rstrip()), rows=40)["transforms"]
    assert one["forbidden"] == ["7"]
    moved = {row["label"]: row["moved_share"] for row in one["points"][0]["by_class"]}
    assert "7" not in moved
    assert moved["0"] > 0.9  # a flipped 0 is no 8
    assert moved["8"] < 0.1


@pytest.fixture
def judged(monkeypatch) -> list:
    """The rows that the verifier is asked about, call by call."""
    calls, ask_verifier = [], probe_bench.judge_labels

    def listening(ctx, rows, *rest):
        calls.append(rows)
        return ask_verifier(ctx, rows, *rest)

    monkeypatch.setattr(probe_bench, "judge_labels", listening)
    return calls


def test_interpolated_rows_are_made_again_at_each_weight(tmp_path, judged):
    write_csv(tmp_path / "data.csv", table_rows(0, 200, (0.4, 0.3, 0.3)))
    probed(policy(tmp_path, "data.csv", SMOTE.replace("only: [reed]", "only: [reed, hay, straw]")), rows=20)
    real, changed = judged[0], judged[1:]
    width = dict(zip(real[SAMPLE_ID].to_pylist(), real["width"].to_pylist(), strict=True))
    found = set()
    for rows in changed:
        for parents, own in zip(rows[PARENT_IDS].to_pylist(), rows["width"].to_pylist(), strict=True):
            if parents[0] in width and parents[1] in width:
                base, partner = (width[name] for name in parents)
                found.add(round((own - base) / (partner - base), 4))
    assert found == {0.1, 0.25, 0.5, 0.75, 0.9, 1.0}


def test_rows_are_held_out_training_rows_and_never_of_the_test_split(tmp_path, judged):
    lines = table_rows(0, 300, (0.4, 0.3, 0.3))
    places = np.random.default_rng(1).choice(["train", "validation", "test"], len(lines)).tolist()
    write_csv(
        tmp_path / "data.csv",
        [f"{number},{place},{line}" for number, (place, line) in enumerate(zip(places, lines, strict=True))],
        "number,place,width,height,grains,colour,kind",
    )
    keys = {"key": "number", "split": "{column: place}", "ignore": "[colour]"}
    document = probed(policy(tmp_path, "data.csv", NOISE, **keys))
    # The verifier leaves out the fold of a child's parents: a real row's own parent is itself.
    assert judged[0][PARENT_IDS].to_pylist() == [[name] for name in judged[0][SAMPLE_ID].to_pylist()]
    seen = {parent for rows in judged for parents in rows[PARENT_IDS].to_pylist() for parent in parents}
    assert len(seen) == document["real"]["all"]["rows"] == places.count("train")


@pytest.mark.parametrize(
    ("uses", "changes", "kind", "words"),
    [
        (["tabular.smoat"], {}, PolicyError, "no transform called tabular.smoat"),
        (["image.rotate"], {}, PolicyError, "works on image data, the policy is tabular"),
        ([], {"steps": "[]"}, PolicyError, "no step"),
        ([], {"label": "null"}, PolicyError, "names no label column"),
        (["tabular.smotenc"], {}, DataError, "tabular.smotenc"),
    ],
)
def test_what_cannot_be_probed_is_refused_in_a_sentence(tmp_path, uses, changes, kind, words):
    write_csv(tmp_path / "data.csv", table_rows(0, 90, (0.4, 0.3, 0.3)))
    with pytest.raises(kind, match=words):
        probed(policy(tmp_path, "data.csv", **{"steps": NOISE, **changes}), *uses)


def test_too_few_rows_of_every_class_are_said_to_be_so(tmp_path):
    write_csv(tmp_path / "data.csv", table_rows(0, 40, (0.4, 0.3, 0.3)))
    with pytest.raises(DataError, match="too few rows to judge any class: hay has"):
        probed(policy(tmp_path, "data.csv", NOISE))


def test_a_class_of_too_few_rows_is_not_judged_and_named(tmp_path):
    write_csv(tmp_path / "data.csv", table_rows(0, 200, (0.55, 0.4, 0.05)))
    document = probed(policy(tmp_path, "data.csv", NOISE))
    states = {row["label"]: row["status"] for row in document["transforms"][0]["points"][0]["by_class"]}
    assert states == {"hay": "consistent", "straw": "consistent", "reed": "too_few"}
    assert "not judged   too few rows: reed" in probe_text.text(document)
    assert "Too few rows to judge: reed" in probe_html.render(document).decode()
