"""What chains refuse before any child is made."""

from augmill.tasks.modalities import image as modality
from augmill.tasks.modalities.modality_contract import Op
from augmill.tasks.transforms.image import compose, grid_distortion, mixup, rain, rotate

PHOTOS = {
    "kinds": [[3, "uint8", 7]],
    "height": [24, 300],
    "width": [32, 300],
    "mask": False,
    "boxes": False,
    "labelled": True,
}


def refusals(module, description=PHOTOS, **params):
    name = module.__name__.rpartition(".")[2]
    return modality.refusals(Op(f"image.{name}", module, module.Params(**params), 1.0), description)


def test_what_fits_is_not_refused():
    assert refusals(rotate) == refusals(rain) == refusals(mixup) == []


def test_every_kind_that_does_not_fit_gets_a_sentence_with_a_remedy():
    mixed = {**PHOTOS, "kinds": [[1, "uint8", 2], [3, "uint16", 5], [3, "uint8", 7]]}
    assert refusals(rain, mixed) == [
        "image.rain takes 3 channels of uint8; 2 training pictures have 1 channel of uint8. "
        "Convert them, or take the transform out.",
        "image.rain takes 3 channels of uint8; 5 training pictures have 3 channels of uint16. "
        "Convert them, or take the transform out.",
    ]


def test_mixing_needs_labels_and_neither_masks_nor_boxes():
    found = refusals(mixup, {**PHOTOS, "labelled": False, "mask": True, "boxes": True})
    assert [sentence.partition(" which")[0] for sentence in found[:2]] == [
        "image.mixup is not defined for mask,",
        "image.mixup is not defined for boxes,",
    ]
    assert "names no label" in found[2]


def test_what_only_a_trial_shows_is_refused_too():
    (too_fine,) = refusals(grid_distortion, {**PHOTOS, "height": [4, 9]}, cells=5)
    assert "Set cells to 4 or less" in too_fine
    (too_large,) = refusals(compose, name="CenterCrop", arguments={"height": 50, "width": 16})
    assert "image.compose fails on 3 channels of uint8" in too_large
    (other_kind,) = refusals(compose, name="ToGray", arguments={"num_output_channels": 1})
    assert "into 1 of uint8" in other_kind
    (unknown,) = refusals(compose, name="Sharpn")
    assert "Did you mean Sharpen" in unknown


def test_mixing_pictures_of_different_kinds_is_refused():
    (found,) = refusals(mixup, {**PHOTOS, "kinds": [[1, "uint8", 2], [3, "uint8", 7]]})
    assert "one kind" in found
