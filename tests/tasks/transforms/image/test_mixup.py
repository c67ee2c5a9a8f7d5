import numpy as np
import pytest

from augmill.tasks.transforms.image import mixup


def test_the_picture_is_the_weighted_sum(run, photo):
    other = photo[::-1].copy()
    after, draws = run(mixup, photo, other)
    share = draws["weight"]
    np.testing.assert_allclose(after.image, share * photo + (1 - share) * other, atol=0.51)


def test_the_base_keeps_at_least_half_and_weights_follow_the_folded_beta(run, square):
    weights = np.array([run(mixup, square, 255 - square, seed=seed, alpha=1.0)[1]["weight"] for seed in range(400)])
    assert weights.min() >= 0.5
    # Beta(1, 1) folded is uniform on 0.5 to 1.
    assert abs(weights.mean() - 0.75) < 0.02


def test_a_partner_of_another_size_is_fitted(run, photo):
    after, _ = run(mixup, photo, np.zeros((60, 50, 3), dtype=np.uint8))
    assert after.image.shape == photo.shape


def test_partners_are_never_the_base_and_reach_every_other_row():
    bases = np.tile(np.arange(4), 50)
    partners = mixup.partners(mixup.Params(), np.arange(200), bases, ["a", "a", "b", "b"])
    assert partners.shape == (200, 1)
    assert not (partners[:, 0] == bases).any()
    assert {(int(b), int(p)) for b, p in zip(bases, partners[:, 0], strict=True)} == {
        (b, p) for b in range(4) for p in range(4) if b != p
    }


@pytest.mark.parametrize("levels", [2, 16, 255])
def test_the_partner_always_shows(run, levels):
    low, high = np.full((4, 4), 40, dtype=np.uint16), np.full((4, 4), 40 + levels, dtype=np.uint16)
    for seed in range(200):
        after, draws = run(mixup, low, high, seed=seed, alpha=0.05)
        assert 40 < after.image.min() <= after.image.max() < 40 + levels, draws


def test_equal_pictures_and_neighbouring_levels_are_no_error(run, square):
    for partner in (square, square + np.uint8(1)):
        assert 0.5 <= run(mixup, square, partner)[1]["weight"] <= 1.0
