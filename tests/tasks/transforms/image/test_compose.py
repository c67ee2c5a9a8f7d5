import numpy as np
import pytest

from policies.errors import PolicyError
from tasks.transforms.image import compose
from tasks.transforms.picture import Box, Picture


def outcome(name, run, photo):
    try:
        after, drawn = run(compose, photo, name=name)
    except PolicyError:
        return "refused"
    assert after.image.dtype == np.uint8
    assert after.image.ndim == 3
    assert all(isinstance(value, (bool, int, float, str, np.number)) for key, value in drawn.items() if key[0] != "_")
    return "works"


def test_every_transform_of_the_library_works_or_is_refused(run, photo):
    import albumentations

    kinds = {name: kind for name, kind in vars(albumentations).items() if isinstance(kind, type)}
    names = sorted(name for name, kind in kinds.items() if issubclass(kind, albumentations.BasicTransform))
    found = {name: outcome(name, run, photo) for name in names if name not in NEED_ARGUMENTS}
    assert sum(result == "works" for result in found.values()) >= 60
    assert found["Normalize"] == found["Lambda"] == found["RandomCrop3D"] == "refused"


# Without arguments these do not know what to do; the library says so.
NEED_ARGUMENTS = ()


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
