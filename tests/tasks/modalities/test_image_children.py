"""Chains of ops: which fire, what is kept, how rows come back, and what happens when a library fails."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from augmill.policies.errors import DataError
from augmill.tasks.modalities import image as modality
from augmill.tasks.modalities._image_children import DECODED_AT_ONCE, firing
from augmill.tasks.modalities._image_codec import decode, encode, is_jpeg
from augmill.tasks.modalities.modality_contract import ChildSpecs, Op, PoolIndex, Recorded
from augmill.tasks.rows.provenance import LABEL_WEIGHTS, OPS, PARENT_IDS, PAYLOAD_TYPE, SAMPLE_ID
from augmill.tasks.transforms.image import cutmix, gaussian_noise, horizontal_flip, mixup, rotate, vertical_flip

SEEDS = np.random.default_rng(0).integers(0, 2**62, 20_000)


def op(module, probability=1.0, **params):
    name = module.__name__.rpartition(".")[2]
    return Op(f"image.{name}", module, module.Params(**params), probability)


def rows_of(images, jpeg=False):
    encoded = pa.array([{"bytes": encode(image, jpeg=jpeg), "path": "a/b.png"} for image in images], PAYLOAD_TYPE)
    ids = [f"r{number:03d}" for number in range(len(images))]
    return pa.table({"file": ids, "image": encoded, "label": ["even", "odd"] * (len(images) // 2), SAMPLE_ID: ids})


def make(ops, rows, bases, seeds):
    pool = PoolIndex(rows[SAMPLE_ID].to_pylist(), rows["label"].to_pylist(), "even")
    some = ChildSpecs(np.array(bases), np.zeros(len(bases), np.int64), np.array(seeds, dtype=np.int64))
    return modality.children(ops, {}, pool, {}, some, lambda wanted: rows.take(pa.array(wanted)))


@pytest.fixture
def rows():
    random = np.random.default_rng(2)
    return rows_of([random.integers(0, 256, (12, 16, 3), dtype=np.uint8) for _ in range(6)])


def test_firing_follows_the_probabilities_given_that_one_fires():
    p = np.array([0.5, 0.2, 0.9])
    fires = firing(p, SEEDS)
    assert fires.any(axis=1).all()
    none = np.prod(1 - p)
    np.testing.assert_allclose(fires.mean(axis=0), p / (1 - none), atol=0.015)
    together = (fires[:, 0] & fires[:, 1]).mean()
    assert together == pytest.approx(p[0] * p[1] / (1 - none), abs=0.01)


def test_an_op_alone_or_of_certain_probability_always_fires():
    assert firing([0.01], SEEDS).all()
    assert firing([0.3, 1.0], SEEDS)[:, 1].all()
    assert firing([1e-12, 1e-12], SEEDS).sum(axis=1).tolist() == [1] * len(SEEDS)


def test_ops_are_applied_in_order_and_only_those_that_fired_are_recorded(rows):
    ops = [op(horizontal_flip, 0.5), op(vertical_flip, 0.5)]
    flips = {"image.horizontal_flip": np.s_[:, ::-1], "image.vertical_flip": np.s_[::-1]}
    seen = set()
    for row in make(ops, rows, [0] * 20, range(20)).to_pylist():
        expected = decode(rows["image"][0].as_py()["bytes"])
        used = [record["use"] for record in json.loads(row[OPS])]
        for use in used:
            expected = expected[flips[use]]
        np.testing.assert_array_equal(decode(row["image"]["bytes"]), expected)
        seen.add(tuple(used))
    assert seen == {("image.horizontal_flip",), ("image.vertical_flip",), tuple(flips)}


def test_the_same_op_twice_in_a_chain_draws_twice(rows):
    (row,) = make([op(rotate), op(rotate)], rows, [0], [5]).to_pylist()
    angles = [record["drawn"]["angle_degrees"] for record in json.loads(row[OPS])]
    assert len(set(angles)) == 2


def test_other_columns_come_from_the_base_and_the_schema_stays(rows):
    made = make([op(horizontal_flip)], rows, [4, 1, 4], [1, 2, 3])
    assert made.column_names == ["file", "image", "label", PARENT_IDS, OPS, LABEL_WEIGHTS]
    assert made["file"].to_pylist() == ["r004", "r001", "r004"]
    assert made.schema.field("image").type == PAYLOAD_TYPE
    assert made["image"].to_pylist()[0]["path"] is None


def test_children_keep_their_parents_kind_of_file(rows):
    images = [decode(picture["bytes"]) for picture in rows["image"].to_pylist()]
    lossy = make([op(gaussian_noise)], rows_of(images, jpeg=True), [0], [1])["image"].to_pylist()[0]["bytes"]
    lossless = make([op(gaussian_noise)], rows, [0], [1])["image"].to_pylist()[0]["bytes"]
    assert is_jpeg(lossy)
    assert not is_jpeg(lossless)


def test_a_base_is_loaded_and_decoded_once_for_all_its_copies(rows, monkeypatch):
    decoded = []
    real = modality._image_children.Pictures.read
    monkeypatch.setattr(
        modality._image_children.Pictures, "read", lambda self, row: decoded.append(row) or real(self, row)
    )
    make([op(rotate)], rows, [0, 3, 0, 3, 0], range(5))
    assert sorted(decoded) == [0, 1]
    assert DECODED_AT_ONCE >= 2


def test_labels_mix_as_recorded(rows):
    for row in make([op(cutmix)], rows, [0] * 12, range(12)).to_pylist():
        weight = json.loads(row[OPS])[0]["drawn"]["weight"]
        base, partner = row[PARENT_IDS]
        labels = {"even": 0.0, "odd": 0.0}
        labels["even"] += weight
        labels["odd" if int(partner[1:]) % 2 else "even"] += 1 - weight
        expected = {label: share for label, share in labels.items() if share}
        assert {entry["label"]: entry["weight"] for entry in row[LABEL_WEIGHTS]} == pytest.approx(expected)
        assert (base, row["label"]) == ("r000", "even")


def test_a_mixing_op_that_does_not_fire_leaves_no_weights(rows):
    made = make([op(horizontal_flip), op(mixup, 0.5)], rows, [0] * 20, range(20)).to_pylist()
    mixed = [len(row[PARENT_IDS]) == 2 for row in made]
    assert [row[LABEL_WEIGHTS] is not None for row in made] == mixed
    assert any(mixed)
    assert not all(mixed)


def test_a_library_failure_names_the_transform_and_the_row(rows):
    def fail(*_):
        raise ValueError("cannot take this")

    broken = SimpleNamespace(**{**vars(horizontal_flip), "apply": fail})
    with pytest.raises(DataError, match=r"image\.broken failed on row r002: cannot take this"):
        make([Op("image.broken", broken, horizontal_flip.Params(), 1.0)], rows, [2], [1])


def test_a_record_that_is_not_true_rebuilds_another_picture(rows):
    (child,) = make([op(rotate)], rows, [0], [5]).to_pylist()
    who = PoolIndex(["r000"], ["even"], "even")
    parent = rows.take(pa.array([0]))
    angle = json.loads(child[OPS])[0]["drawn"]["angle_degrees"]
    forged = child[OPS].replace(repr(angle), repr(angle + 20))
    true, false = (
        modality.rebuild([op(rotate)], {}, parent, who, Recorded([[0]], np.array([5]), [ops])).to_pylist()
        for ops in (child[OPS], forged)
    )
    assert true == [child]
    assert false[0]["image"] != child["image"]


def test_only_rows_of_the_target_class_are_bases(rows):
    pool = PoolIndex(rows[SAMPLE_ID].to_pylist(), rows["label"].to_pylist(), "odd")
    assert modality.fit([op(rotate)], {}, pool, None)["weights"].tolist() == [0, 1, 0, 1, 0, 1]


def test_one_row_cannot_mix(rows):
    with pytest.raises(DataError, match="needs two training rows"):
        modality.fit([op(mixup)], {}, PoolIndex(["r000"], ["even"], "even"), None)
