import numpy as np

from augmill.tasks.transforms.image import rain


def test_drops_are_drawn_and_the_rest_gets_darker(run):
    grey = np.full((64, 64, 3), 100, dtype=np.uint8)
    after, draws = run(rain, grey, slant_px_range=(-5.0, 5.0))
    assert after.image.max() > 75
    assert after.image.min() == 70
    assert -5.0 <= draws["slant_px"] <= 5.0


def test_torrential_rain_is_extreme():
    assert "extreme" in rain.risks(rain.Params(kind="torrential"))
    assert "extreme" not in rain.risks(rain.Params())
