"""Arrays come back as they were, and a pickle never comes back at all."""

import io

import numpy as np
import pytest

from augmill.tasks.rows.arrays import packed, unpacked

ARRAYS = {"a": np.arange(3), "b": np.array(["x", "yy"]), "c": np.zeros((0, 2)), "d": np.array([True])}


def test_arrays_come_back_with_their_names_types_and_shapes():
    again = unpacked(packed(ARRAYS))
    assert list(again) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert again[name].dtype == array.dtype
        assert np.array_equal(again[name], array)


def test_equal_arrays_give_equal_bytes():
    assert packed(ARRAYS) == packed({name: array.copy() for name, array in ARRAYS.items()})


def test_nothing_is_unpickled():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.array([object()], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        unpacked(buffer.getvalue())
