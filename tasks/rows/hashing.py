"""Names of immutable objects: hashes of everything they are made from."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAME_BYTES = 20


def canonical(value: Any) -> str:
    """One spelling per value: JSON with sorted keys, no spaces, floats by their shortest exact form."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_of(*parts: Any) -> str:
    """A 40-character name from JSON-able parts; equal parts give equal names on every machine."""
    return hashlib.blake2b(canonical(parts).encode(), digest_size=NAME_BYTES).hexdigest()


def digest_of(*arrays: NDArray[Any]) -> str:
    """Hash of the bytes, dtypes and shapes of arrays, to be part of a name."""
    digest = hashlib.blake2b(digest_size=NAME_BYTES)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
