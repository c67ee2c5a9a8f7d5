"""Laws for every image transform found in the folder, on every kind of picture that it claims to take."""

import importlib
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest

import augmill.tasks.transforms
from augmill.policies.errors import PolicyError
from augmill.tasks.modalities import image as modality
from augmill.tasks.modalities._image_codec import decode, decode_mask, encode
from augmill.tasks.modalities._image_fit import draw
from augmill.tasks.modalities.modality_contract import ChildSpecs, Op, PoolIndex, Recorded
from augmill.tasks.rows.provenance import BOXES_TYPE, LABEL_WEIGHTS, OPS, PARENT_IDS, PAYLOAD_TYPE, SAMPLE_ID
from augmill.tasks.transforms.image._params import Within
from augmill.tasks.transforms.transform_contract import RiskKind

FOLDER = Path(augmill.tasks.transforms.__file__).parent / "image"
NAMES = sorted(file.stem for file in FOLDER.glob("[!_]*.py"))
# Transforms that need parameters, or whose own show nothing on a picture this small, are judged by an example.
# CLAHE clips at limit x pixels per tile / 256, so that on small tiles all limits are one.
EXAMPLES = {"compose": {"name": "Sharpen"}, "clahe": {"tiles": 1, "clip_limit_range": (1.0, 2.0)}}
# Grids cannot be finer than the picture.
TINY = {"grid_distortion": {"cells": 2}}
DETERMINISTIC = {"horizontal_flip", "vertical_flip", "transpose", "random_grayscale"}
MASK_VALUES = {0, 7, 300, 65535}
KINDS = list(itertools.product((1, 3, 4), ("uint8", "uint16")))
LABELS = ["cat", "dog", "cat", "dog"]


def module_of(name):
    return importlib.import_module(f"augmill.tasks.transforms.image.{name}")


def op_of(name, **params):
    module = module_of(name)
    return Op(f"image.{name}", module, module.Params.model_validate({**EXAMPLES.get(name, {}), **params}), 1.0)


def pictures(channels, dtype, size, *, targets=True):
    """Four rows of noise with masks of few, large numbers and two boxes each."""
    random = np.random.default_rng(5)
    height, width = size
    shape = size if channels == 1 else (*size, channels)
    images = [random.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True) for _ in LABELS]
    masks = [random.choice(np.array(sorted(MASK_VALUES), dtype=np.uint16), size) for _ in LABELS]
    box = {"xmin": 0.0, "ymin": 0.0, "xmax": width / 2, "ymax": float(height), "label": "left"}
    columns = {"image": payloads(images), "label": LABELS, "note": ["a", "b", "c", "d"]}
    if targets:
        boxes = pa.array([[box, {**box, "xmax": float(width), "label": "all"}]] * 4, BOXES_TYPE)
        columns |= {"mask": payloads(masks), "boxes": boxes}
    return pa.table({**columns, SAMPLE_ID: ["r0", "r1", "r2", "r3"]})


def payloads(arrays):
    return pa.array([{"bytes": encode(array), "path": "x.png"} for array in arrays], PAYLOAD_TYPE)


def takes_targets(name):
    return "mask" in module_of(name).ACCEPTS.targets


def rows_for(name, channels=3, dtype="uint8", size=(24, 32)):
    return pictures(channels, dtype, size, targets=takes_targets(name))


def described(rows):
    class Policy:
        label = "label"

    return modality.describe(Policy, [rows])


def births(bases, seeds):
    return ChildSpecs(np.array(bases), np.zeros(len(bases), dtype=np.int64), np.array(seeds, dtype=np.int64))


def make(ops, rows, some):
    pool = PoolIndex(rows[SAMPLE_ID].to_pylist(), rows["label"].to_pylist(), "cat")
    state = modality.fit(ops, described(rows), pool, None)
    return modality.children(ops, described(rows), pool, state, some, lambda wanted: rows.take(pa.array(wanted)))


def accepted(name):
    """Every kind and the smallest size a transform claims, beside a common one."""
    accepts = module_of(name).ACCEPTS
    return [
        (channels, dtype, size)
        for channels, dtype in KINDS
        if channels in accepts.channels and dtype in accepts.dtypes
        for size in (accepts.min_size, (24, 32))
    ]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_declared_is_taken_and_kind_and_size_stay(name):
    for channels, dtype, size in accepted(name):
        rows = rows_for(name, channels, dtype, size)
        op = op_of(name, **(TINY.get(name, {}) if size != (24, 32) else {}))
        assert modality.refusals(op, described(rows)) == [], (channels, dtype, size)
        for child in make([op], rows, births([0, 1, 2], [11, 12, 13]))["image"].to_pylist():
            image = decode(child["bytes"])
            assert image.dtype == dtype
            assert image.shape[2:] == (() if channels == 1 else (channels,))
            assert sorted(image.shape[:2]) == sorted(size)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_declared_is_refused_by_name(name):
    accepts = module_of(name).ACCEPTS
    for channels, dtype in KINDS:
        if channels not in accepts.channels or dtype not in accepts.dtypes:
            found = modality.refusals(op_of(name), described(rows_for(name, channels, dtype)))
            assert len(found) == 1
            assert f"image.{name} takes" in found[0]
            assert f"4 training pictures have {channels} channel{'s' * (channels > 1)} of {dtype}. " in found[0]
    if accepts.min_size != (1, 1):
        small = rows_for(name, max(accepts.channels), "uint8", (accepts.min_size[0] - 1, 9))
        assert "of at least" in modality.refusals(op_of(name), described(small))[0]
    if not takes_targets(name):
        found = modality.refusals(op_of(name), described(pictures(3, "uint8", (24, 32))))
        assert [f"image.{name} is not defined for {target}" in "".join(found) for target in ("mask", "boxes")] == [
            True
        ] * 2


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(name):
    rows = rows_for(name)
    made = make([op_of(name)], rows, births([0, 0, 0, 0], [21, 21, 22, 23]))["image"].to_pylist()
    assert made[0] == made[1]
    differ = {child["bytes"] for child in made}
    if name in DETERMINISTIC:
        assert len(differ) == 1, f"image.{name} draws something: take it out of DETERMINISTIC in this file"
    else:
        remedy = "draw from the seed in `draw`, give it parameters in EXAMPLES, or list it in DETERMINISTIC here"
        assert len(differ) > 1, f"image.{name} makes the same picture of every seed: {remedy}"


@pytest.mark.parametrize("name", NAMES)
def test_the_input_is_not_written_to(name):
    module, op = module_of(name), op_of(name)
    rows = rows_for(name, max(module.ACCEPTS.channels))
    picture = modality._image_children.Pictures(rows).read(0)
    before = picture.image.copy()
    tool = module.build(op.params)
    for writeable in (False, True):
        picture.image.flags.writeable = writeable
        module.apply(tool, op.params, [picture, picture], draw(op, tool, [picture, picture], 31))
        np.testing.assert_array_equal(picture.image, before)


@pytest.mark.parametrize("name", NAMES)
def test_a_child_does_not_depend_on_the_others_or_their_order(name):
    rows, op = rows_for(name), op_of(name)
    bases, seeds = [0, 3, 1, 0, 2, 3, 1], [1, 2, 3, 4, 5, 6, 7]
    together = make([op], rows, births(bases, seeds)).to_pylist()
    backwards = make([op], rows, births(bases[::-1], seeds[::-1])).to_pylist()
    assert together == backwards[::-1]
    alone = [make([op], rows, births([base], [seed])).to_pylist()[0] for base, seed in zip(bases, seeds, strict=True)]
    assert together == alone


@pytest.mark.parametrize("name", NAMES)
def test_provenance_is_complete_and_rebuilds_the_child(name):
    rows, op = rows_for(name), op_of(name)
    bases, seeds = [0, 1, 2, 3], [41, 42, 43, 44]
    for child, base in zip(make([op], rows, births(bases, seeds)).to_pylist(), bases, strict=True):
        records = json.loads(child[OPS])
        assert child[OPS] == json.dumps(records, sort_keys=True, separators=(",", ":"))
        assert [record["use"] for record in records] == [op.use]
        values = records[0]["drawn"].values()
        assert all(isinstance(value, bool | int | float | str) for value in values)
        assert child[PARENT_IDS][0] == f"r{base}"
        assert (child["label"], child["note"]) == (LABELS[base], "abcd"[base])
        assert child["image"]["path"] is None
        mixes = op.module.BEHAVIOUR.label == "mix"
        assert len(child[PARENT_IDS]) == (2 if mixes else 1)
        if mixes:
            weights = {entry["label"]: entry["weight"] for entry in child[LABEL_WEIGHTS]}
            assert sum(weights.values()) == pytest.approx(1.0)
            assert weights[LABELS[base]] >= 0.5
        else:
            assert child[LABEL_WEIGHTS] is None
    who = PoolIndex(rows[SAMPLE_ID].to_pylist(), rows["label"].to_pylist(), "cat")
    made = make([op], rows, births(bases, seeds))
    parents = [[int(parent[1:]) for parent in parents] for parents in made[PARENT_IDS].to_pylist()]
    recorded = Recorded(parents, np.array(seeds), made[OPS].to_pylist())
    assert modality.rebuild([op], described(rows), rows, who, recorded).to_pylist() == made.to_pylist()


@pytest.mark.parametrize("name", [name for name in NAMES if module_of(name).ACCEPTS.targets >= {"mask", "boxes"}])
def test_masks_keep_their_numbers_and_boxes_stay_inside(name):
    rows = rows_for(name)
    for child in make([op_of(name)], rows, births([0, 1, 2, 3], [51, 52, 53, 54])).to_pylist():
        height, width = decode(child["image"]["bytes"]).shape[:2]
        mask = decode_mask(child["mask"]["bytes"])
        assert mask.shape == (height, width)
        assert mask.dtype == np.uint16
        strange = set(np.unique(mask).tolist()) - MASK_VALUES
        assert not strange, f"image.{name} interpolates its mask into {strange}: move it by `library.move`"
        assert all(0 <= box["xmin"] < box["xmax"] <= width for box in child["boxes"])
        assert all(0 <= box["ymin"] < box["ymax"] <= height for box in child["boxes"])
        assert json.loads(child[OPS])[0]["boxes_dropped"] == 2 - len(child["boxes"])


@pytest.mark.parametrize("name", [name for name in NAMES if module_of(name).ACCEPTS.targets >= {"mask", "boxes"}])
def test_a_box_stays_around_what_its_mask_shows(name):
    image = np.random.default_rng(6).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    mask = np.zeros((60, 80), dtype=np.uint8)
    mask[20:36, 30:52] = 1
    box = {"xmin": 30.0, "ymin": 20.0, "xmax": 52.0, "ymax": 36.0, "label": "thing"}
    columns = {"image": payloads([image]), "mask": payloads([mask]), "boxes": pa.array([[box]], BOXES_TYPE)}
    rows = pa.table({**columns, "label": ["cat"], SAMPLE_ID: ["r0"]})
    for child in make([op_of(name)], rows, births([0] * 8, range(61, 69))).to_pylist():
        shown = decode_mask(child["mask"]["bytes"])
        if not child["boxes"]:
            assert np.count_nonzero(shown) < 0.2 * 16 * 22
            continue
        (after,) = child["boxes"]
        inside = shown[
            max(0, int(after["ymin"]) - 1) : int(np.ceil(after["ymax"])) + 1,
            max(0, int(after["xmin"]) - 1) : int(np.ceil(after["xmax"])) + 1,
        ]
        assert np.count_nonzero(inside) == np.count_nonzero(shown), name
        # A turned box is the hull of its corners, so it may be larger than what it holds, but not by much.
        ys, xs = np.nonzero(shown)
        grown = (after["xmax"] - after["xmin"]) * (after["ymax"] - after["ymin"]) / (np.ptp(xs) + 1) / (np.ptp(ys) + 1)
        assert grown < 2.0, name


def ranges_of(name):
    """The bounds of every `_range` parameter."""
    fields = module_of(name).Params.model_fields.items()
    bounds = {field: next((m for m in info.metadata if isinstance(m, Within)), None) for field, info in fields}
    return {field: bound for field, bound in bounds.items() if bound is not None}


@pytest.mark.parametrize("name", NAMES)
def test_every_end_of_every_range_works(name):
    rows, channels = rows_for(name), max(module_of(name).ACCEPTS.channels)
    assert channels in (3, 4)
    for field, bound in ranges_of(name).items():
        number = type(getattr(op_of(name).params, field)[0])
        low, high = number(bound.low), number(bound.high)
        for pair in ((low, low), (high, high), (low, high)):
            assert len(make([op_of(name, **{field: pair})], rows, births([0], [71]))) == 1
        with pytest.raises(ValueError, match="low <= high"):
            op_of(name, **{field: (high, number(high + 1))})


@pytest.mark.parametrize("name", NAMES)
def test_declarations_are_complete(name):
    module, op = module_of(name), op_of(name)
    assert module.__doc__.strip().splitlines()[0].endswith((".", ":", ",")), "end the docstring's first line as one"
    assert "Hurts" in module.__doc__, f"say in the docstring of image.{name} what it hurts: 'Hurts where ...'"
    unknown = set(getattr(module, "risks", lambda params: {})(op.params)) - set(get_args(RiskKind))
    assert not unknown, f"`risks` of image.{name} may return {', '.join(get_args(RiskKind))}, not {unknown}"
    assert module.BEHAVIOUR.libraries, f"image.{name} should declare Behaviour(libraries=library.LIBRARIES)"
    with pytest.raises(ValueError, match="nonsense"):
        op_of(name, nonsense=1)


def test_importing_every_transform_loads_no_heavy_library():
    code = (
        "import importlib, sys\n"
        f"for name in {NAMES!r}: importlib.import_module('augmill.tasks.transforms.image.' + name)\n"
        "import augmill.tasks.modalities.image\n"
        "print(sorted({'albumentations', 'cv2', 'PIL', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_chain_mixes_once_at_most():
    rows = rows_for("mixup")
    with pytest.raises(PolicyError, match=r"image\.mixup and image\.cutmix"):
        make([op_of("mixup"), op_of("cutmix")], rows, births([0], [1]))
