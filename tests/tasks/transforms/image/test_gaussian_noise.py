import numpy as np

from augmill.tasks.transforms.image import gaussian_noise


def test_the_noise_has_the_recorded_deviation_and_no_bias(run):
    grey = np.full((200, 200), 128, dtype=np.uint8)
    after, draws = run(gaussian_noise, grey, std_share_range=(0.05, 0.05))
    noise = after.image.astype(float) - 128
    assert draws["std_share"] == 0.05
    assert abs(noise.std() - 0.05 * 255) < 0.5
    assert abs(noise.mean()) < 0.7


def test_the_field_depends_on_the_seed_and_not_on_what_was_drawn_before(run, photo):
    first = run(gaussian_noise, photo, seed=11)[0].image
    run(gaussian_noise, photo, seed=12)
    np.testing.assert_array_equal(run(gaussian_noise, photo, seed=11)[0].image, first)
    assert not np.array_equal(run(gaussian_noise, photo, seed=12)[0].image, first)
