"""What a verifier sees: a flip must show, a shift must not. Figures on scikit-learn's digits."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from augmill.tasks.modalities import image as modality
from augmill.tasks.modalities._image_codec import encode
from augmill.tasks.rows.provenance import PAYLOAD_TYPE

GREY, COLOUR = {"kinds": [[1, "uint8", 9]]}, {"kinds": [[1, "uint8", 1], [3, "uint8", 9]]}


def seen(images, description=GREY):
    encoded = pa.array([{"bytes": encode(np.ascontiguousarray(image)), "path": None} for image in images], PAYLOAD_TYPE)
    return modality.features(description, pa.table({"image": encoded}))


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return (data.images * 255 / 16).astype(np.uint8), data.target


def test_flips_show_and_shifts_do_not(digits):
    images, labels = digits
    held = np.arange(len(labels)) % 5 == 0
    real = seen(images)
    scaler = StandardScaler().fit(real[~held])
    model = LogisticRegression(C=0.05, max_iter=200).fit(scaler.transform(real[~held]), labels[~held])

    def agreement(pictures):
        return (model.predict(scaler.transform(seen(pictures))) == labels[held]).mean()

    shifted = np.pad(images[held], ((0, 0), (0, 0), (1, 0)))[:, :, :-1]
    assert agreement(images[held]) > 0.97
    assert agreement(shifted) > 0.95
    assert agreement(images[held][:, ::-1]) < 0.5


def test_rows_are_independent_of_each_other_finite_and_bounded(digits):
    images = [*digits[0][:300], np.zeros((8, 8), np.uint8), np.full((5, 9), 255, np.uint8), np.zeros((1, 1), np.uint8)]
    together = seen(images)
    assert together.shape == (303, 128)
    assert together.dtype == np.float64
    assert np.isfinite(together).all()
    assert (together >= 0).all()
    assert (together <= 1).all()
    np.testing.assert_array_equal(together[150:160], seen(images[150:160]))


def test_colour_shows_where_the_data_has_colour():
    red, blue = np.zeros((10, 10, 3), np.uint8), np.zeros((10, 10, 3), np.uint8)
    red[..., 0], blue[..., 2] = 200, 200
    found = seen([red, blue, red[..., 0]], COLOUR)
    assert found.shape == (3, 176)
    assert np.abs(found[0] - found[1]).max() > 0.7
    deep = (red.astype(np.uint16) * 3, np.dstack([red, red[..., :1]]))
    assert seen(deep, COLOUR).shape == (2, 176)


def test_no_rows_give_no_features():
    assert modality.features(GREY, pa.table({"image": pa.array([], PAYLOAD_TYPE)})).shape == (0, 128)
