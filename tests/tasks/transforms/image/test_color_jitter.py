import numpy as np

from augmill.tasks.transforms.image import color_jitter

STILL = {
    "brightness_factor_range": (1.0, 1.0),
    "contrast_factor_range": (1.0, 1.0),
    "saturation_factor_range": (1.0, 1.0),
    "hue_degrees_range": (0.0, 0.0),
}


def test_without_any_amount_nothing_changes(run, photo):
    np.testing.assert_array_equal(run(color_jitter, photo, **STILL)[0].image, photo)


def test_half_the_brightness_halves_the_values(run, photo):
    after, _ = run(color_jitter, photo, **{**STILL, "brightness_factor_range": (0.5, 0.5)})
    np.testing.assert_allclose(after.image, photo / 2, atol=1)


def test_a_third_of_the_colour_circle_turns_red_into_green(run):
    red = np.zeros((4, 4, 3), dtype=np.uint8)
    red[..., 0] = 200
    after, _ = run(color_jitter, red, **{**STILL, "hue_degrees_range": (120.0, 120.0)})
    np.testing.assert_allclose(after.image[0, 0], (0, 200, 0), atol=2)


def test_a_change_of_hue_is_a_risk_for_colour():
    assert "colour" in color_jitter.risks(color_jitter.Params())
    assert color_jitter.risks(color_jitter.Params(**STILL)) == {}
