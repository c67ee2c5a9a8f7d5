"""Arrays as bytes and back: NumPy's npz format without pickled objects, which cannot run code."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# NumPy parses the head of each array as Python, and Python before 3.11.9 sometimes fails if two threads parse at the
# same time ("AST constructor recursion depth mismatch").
_PARSING = threading.Lock()


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays as one npz file; equal arrays under equal names, in equal order, give equal bytes."""
    buffer = io.BytesIO()
    by_name: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
    np.savez(buffer, **by_name)
    return buffer.getvalue()


def unpacked(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a file that `packed` has written, by name."""
    with _PARSING, np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
