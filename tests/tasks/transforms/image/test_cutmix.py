import numpy as np
import pytest

from augmill.tasks.transforms.image import cutmix


@pytest.mark.parametrize("seed", range(20))
def test_the_weight_is_the_share_of_the_area_that_is_the_bases(run, seed):
    base, other = np.zeros((13, 9), dtype=np.uint8), np.full((13, 9), 255, dtype=np.uint8)
    after, draws = run(cutmix, base, other, seed=seed)
    assert draws["weight"] == pytest.approx((after.image == 0).mean())
    assert 0.5 <= draws["weight"] < 1.0


def test_what_is_pasted_comes_from_the_same_place(run, photo):
    other = 255 - photo
    after, draws = run(cutmix, photo, other)
    cut = slice(draws["y_min"], draws["y_max"]), slice(draws["x_min"], draws["x_max"])
    np.testing.assert_array_equal(after.image[cut], other[cut])


def test_the_smallest_picture_keeps_at_least_half(run):
    after, draws = run(cutmix, np.zeros((2, 2), dtype=np.uint8), np.ones((2, 2), dtype=np.uint8))
    assert draws["weight"] == 0.75
    assert after.image.sum() == 1


def test_the_rectangle_lies_where_the_pictures_differ_but_not_over_all_of_it(run):
    base = np.zeros((12, 12, 3), dtype=np.uint8)
    other = base.copy()
    other[7, 2:4, 1] = 9
    for seed in range(100):
        after, _ = run(cutmix, base, other, seed=seed)
        assert not np.array_equal(after.image, base), seed
        assert not np.array_equal(after.image, other), seed


def test_equal_pictures_are_no_error(run, square):
    after, _ = run(cutmix, square, square)
    np.testing.assert_array_equal(after.image, square)
