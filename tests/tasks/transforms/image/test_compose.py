import numpy as np
import pytest

from augmill.policies.errors import PolicyError
from augmill.tasks.transforms.image import compose
from augmill.tasks.transforms.picture import Box, Picture

# The smallest arguments of those that do not work without; crops and sizes fit the picture of 24 x 32 pixels.
ARGUMENTS = {
    "CenterCrop": {"height": 12, "width": 16},
    "Crop": {"x_max": 16, "y_max": 12},
    "CropAndPad": {"px": -2},
    "GridElasticDeform": {"num_grid_xy": [3, 3], "magnitude": 2},
    "LongestMaxSize": {"max_size": 40},
    "PadIfNeeded": {"min_height": 40, "min_width": 40},
    "RandomCrop": {"height": 12, "width": 16},
    "RandomResizedCrop": {"size": [20, 20]},
    "RandomSizedCrop": {"min_max_height": [10, 20], "size": [20, 20]},
    "Resize": {"height": 20, "width": 20},
    "SmallestMaxSize": {"max_size": 20},
}


def flat_names():
    import albumentations

    kinds = {name: kind for name, kind in vars(albumentations).items() if isinstance(kind, type)}
    return sorted(name for name, kind in kinds.items() if issubclass(kind, albumentations.BasicTransform))


def test_every_transform_of_the_library_works_twice_alike_or_is_refused(run, photo):
    picture = Picture(photo, np.ones((24, 32), dtype=np.uint8), (Box(1, 2, 5, 9, "cell"),))
    refused = set()
    for name in flat_names():
        try:
            after, draws = run(compose, picture, name=name, arguments=ARGUMENTS.get(name, {}))
        except PolicyError:
            refused.add(name)
            continue
        again, _ = run(compose, picture, name=name, arguments=ARGUMENTS.get(name, {}))
        np.testing.assert_array_equal(after.image, again.image, err_msg=name)
        assert (after.image.dtype, after.image.ndim) == (np.uint8, 3), name
        assert after.mask.shape == after.image.shape[:2], name
        recorded = [value for key, value in draws.items() if not key.startswith("_")]
        assert all(isinstance(value, bool | int | float | str | np.number) for value in recorded), name
    bases = {"BasicTransform", "DualTransform", "ImageOnlyTransform", "Transform3D"}
    volumes = {"CenterCrop3D", "CoarseDropout3D", "CubicSymmetry", "Pad3D", "PadIfNeeded3D", "RandomCrop3D"}
    assert refused == set(compose.REFUSED) | bases | volumes


def test_an_unknown_name_is_refused_with_near_misses(run, photo):
    with pytest.raises(PolicyError, match=r"no picture transform called Sharpn[\s\S]*Sharpen"):
        run(compose, photo, name="Sharpn")


def test_a_wrong_argument_is_one_policy_error(run, photo):
    with pytest.raises(PolicyError, match="alfa"):
        run(compose, photo, name="Sharpen", arguments={"alfa": (0.1, 0.2)})
    with pytest.raises(PolicyError, match="alpha"):
        run(compose, photo, name="Sharpen", arguments={"alpha": (0.1, 7.0)})


def test_the_probability_is_the_policys():
    with pytest.raises(ValueError, match="probability"):
        compose.Params(name="Sharpen", arguments={"p": 0.5})


def test_boxes_and_masks_follow_a_geometric_one_and_holes_leave_them(run, photo):
    picture = Picture(photo, np.ones((24, 32), dtype=np.uint8), (Box(1, 2, 5, 9, "cell"),))
    after, _ = run(compose, picture, name="CenterCrop", arguments={"height": 12, "width": 16})
    assert after.image.shape == (12, 16, 3)
    assert after.mask.shape == (12, 16)
    assert after.boxes == ()
    after, _ = run(compose, picture, name="GridDropout")
    assert after.boxes == picture.boxes
