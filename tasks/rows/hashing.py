"""Names of immutable objects: hashes of everything they are made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
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


def code_version(*modules: str) -> str:
    """Hash of the source of the given modules, so that results are computed again when their code changes."""
    import importlib.util

    digest = hashlib.blake2b(digest_size=NAME_BYTES)
    for name in sorted(modules):
        spec = importlib.util.find_spec(name)
        origin = spec.origin if spec else None
        digest.update(name.encode() + b"\0" + (Path(origin).read_bytes() if origin else b""))
    return digest.hexdigest()


def tree_version(root: Path, folders: Sequence[str]) -> str:
    """Hash of all Python source under some folders: changes whenever any code does."""
    digest = hashlib.blake2b(digest_size=NAME_BYTES)
    for folder in folders:
        for file in sorted((root / folder).rglob("*.py")):
            digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
