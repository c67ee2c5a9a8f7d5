"""What is wrong with raw rows of pictures, and the figures of training rows."""

import numpy as np
import pyarrow as pa

from augmill.tasks.modalities import image as modality
from augmill.tasks.modalities._image_codec import encode
from augmill.tasks.rows.provenance import BOXES_TYPE, PAYLOAD_TYPE

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)
COLOUR = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)


class Policy:
    label = "label"


def payloads(*encoded):
    return pa.array([None if data is None else {"bytes": data, "path": None} for data in encoded], PAYLOAD_TYPE)


def boxes(*corners, label="cell"):
    names = ("xmin", "ymin", "xmax", "ymax")
    return [dict(zip(names, map(float, four), strict=True)) | {"label": label} for four in corners]


def test_good_rows_have_figures_and_no_fault():
    rows = pa.table({"image": payloads(encode(GREY), encode(COLOUR, jpeg=True))})
    found = modality.facts(Policy, rows).to_pylist()
    assert [row["fault"] for row in found] == [None, None]
    assert [row["image.channels"] for row in found] == [1, 3]
    assert [(row["image.width"], row["image.height"]) for row in found] == [(8, 6), (7, 9)]
    assert [row["image.format"] for row in found] == ["PNG", "JPEG"]
    assert found[0]["image.dtype"] == "uint8"
    assert found[0]["image.bytes"] == len(encode(GREY))


def test_contrast_is_counted_within_channels():
    red = np.full((4, 5, 3), (200, 10, 7), dtype=np.uint8)
    deep = np.array([[0, 65535], [1, 2]], dtype=np.uint16)
    rows = pa.table({"image": payloads(encode(GREY), encode(red), encode(deep), None)})
    assert modality.facts(Policy, rows)["image.contrast"].to_pylist() == [47, 0, 65535, None]


def test_bad_pictures_are_faults_beside_good_ones():
    rows = pa.table({"image": payloads(None, b"", b"no picture", encode(COLOUR)[:100], encode(GREY))})
    found = modality.facts(Policy, rows)["fault"].to_pylist()
    assert found[:2] == ["image: no bytes"] * 2
    assert found[2].startswith("image: not a PNG")
    assert found[3].startswith("image: damaged")
    assert found[4] is None


def test_masks_that_are_missing_unreadable_or_of_another_size_are_faults():
    masks = payloads(encode(GREY), None, b"x", encode(GREY.T.copy()), encode(COLOUR))
    rows = pa.table({"image": payloads(*[encode(GREY)] * 5), "mask": masks})
    found = modality.facts(Policy, rows)["fault"].to_pylist()
    assert found[:2] == [None, "mask: missing"]
    assert found[2].startswith("mask: not a PNG")
    assert found[3] == "mask: 6 x 8 pixels, the image has 8 x 6"
    assert "one channel" in found[4]


def test_boxes_that_are_degenerate_outside_or_incomplete_are_faults():
    listed = [
        boxes((0, 0, 8, 6)),
        [],
        None,
        boxes((0, 0, 8, 6), (3, 2, 3, 5)),
        boxes((0, 0, 9, 6)),
        boxes((-1, 0, 8, 6)),
        boxes((0, 0, float("nan"), 6)),
        boxes((0, 0, 8, 6), label=None),
    ]
    rows = pa.table({"image": payloads(*[encode(GREY)] * 8), "boxes": pa.array(listed, BOXES_TYPE)})
    found = modality.facts(Policy, rows)["fault"].to_pylist()
    assert found[:3] == [None] * 3
    assert found[3] == "boxes: box 1 (3.0, 2.0, 3.0, 5.0) is degenerate"
    assert all("reaches outside 8 x 6" in fault for fault in found[4:6])
    assert all("missing value" in fault for fault in found[6:])


def test_a_description_does_not_depend_on_batches():
    encoded = payloads(encode(GREY), encode(COLOUR), encode(COLOUR, jpeg=True), encode(GREY.astype(np.uint16)))
    rows = pa.table({"image": encoded, "boxes": pa.array([None, [], None, None], BOXES_TYPE)})
    whole = modality.describe(Policy, [rows])
    assert whole == modality.describe(Policy, [rows.slice(3), rows.slice(0, 1), rows.slice(1, 2)])
    assert whole == {
        "pictures": 4,
        "kinds": [[1, "uint16", 1], [1, "uint8", 1], [3, "uint8", 2]],
        "formats": {"JPEG": 1, "PNG": 3},
        "height": [6, 9],
        "width": [7, 8],
        "mask": False,
        "boxes": True,
        "labelled": True,
    }
