"""Small pictures for reports."""

import numpy as np

from augmill.tasks.modalities._image_codec import decode, encode
from augmill.tasks.modalities.image import thumbnail
from augmill.tasks.transforms.picture import Box


def test_tiny_pictures_grow_in_whole_squares():
    tiny = np.array([[0, 255], [255, 0]], dtype=np.uint8)
    shown = decode(thumbnail(encode(tiny), 8))
    np.testing.assert_array_equal(shown, np.kron(tiny, np.ones((4, 4), np.uint8)))


def test_large_pictures_shrink_and_keep_their_shape():
    large = np.zeros((300, 600, 3), dtype=np.uint8)
    assert decode(thumbnail(encode(large), 64)).shape == (32, 64, 3)
    assert decode(thumbnail(encode(np.zeros((1, 500), dtype=np.uint8)), 64)).shape == (1, 64)


def test_boxes_are_drawn_where_they_are():
    grey = np.zeros((100, 100), dtype=np.uint8)
    shown = decode(thumbnail(encode(grey), 50, [Box(20, 40, 60, 80, "cell")]))
    assert shown.shape == (50, 50, 3)
    ys, xs = np.nonzero(shown.any(axis=2))
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (10, 29, 20, 39)


def test_sixteen_bits_are_stretched():
    dim = np.array([[1000, 3000]], dtype=np.uint16)
    assert decode(thumbnail(encode(dim), 2)).tolist() == [[0, 255]]
