from __future__ import annotations

import cv2
import numpy as np
import pytest

from augmill.tasks.modalities import _image_codec as codec
from augmill.tasks.modalities._image_opencv import load_opencv


def test_once_loaded_it_prints_nothing_about_a_torn_picture_whoever_decodes(capfd: pytest.CaptureFixture[str]) -> None:
    load_opencv()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = cv2.imencode(".png", noise)[1].tobytes()
    for size in (60, len(data) // 2):
        with pytest.raises(codec.UnreadableError, match="damaged"):
            codec.decode(data[:size])
    assert capfd.readouterr() == ("", "")
