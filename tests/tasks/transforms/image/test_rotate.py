import numpy as np
import pytest

from augmill.tasks.transforms.image import affine, rotate
from augmill.tasks.transforms.picture import Picture


def test_a_right_angle_turns_a_square_without_loss(run, square):
    after, draws = run(rotate, square, angle_degrees_range=(90.0, 90.0))
    assert draws["angle_degrees"] == 90.0
    np.testing.assert_array_equal(after.image, np.rot90(square))


@pytest.mark.parametrize("module", [rotate, affine])
@pytest.mark.parametrize("border", ["black", "edge", "mirror"])
def test_a_picture_is_warped_alone_as_it_is_with_a_mask(run, photo, square, module, border):
    for image in (photo, square, np.dstack([photo, photo[..., :1]]), square.astype(np.uint16) * 257):
        alone, _ = run(module, image, border=border)
        beside, _ = run(module, Picture(image, mask=np.zeros(image.shape[:2], np.uint8)), border=border)
        np.testing.assert_array_equal(alone.image, beside.image)


def test_black_border_shows_and_edge_border_does_not(run):
    white = np.full((21, 21), 255, dtype=np.uint8)
    assert run(rotate, white, angle_degrees_range=(45.0, 45.0))[0].image[0, 0] == 0
    assert run(rotate, white, angle_degrees_range=(45.0, 45.0), border="edge")[0].image.min() == 255


def test_angles_above_thirty_degrees_are_a_risk_for_orientation():
    assert rotate.risks(rotate.Params(angle_degrees_range=(-30.0, 30.0))) == {}
    assert "orientation" in rotate.risks(rotate.Params(angle_degrees_range=(-31.0, 5.0)))


def test_a_range_the_wrong_way_round_is_refused():
    with pytest.raises(ValueError, match="low <= high"):
        rotate.Params(angle_degrees_range=(10.0, -10.0))
