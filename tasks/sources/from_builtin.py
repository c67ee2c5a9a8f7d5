"""The real data sets that come with scikit-learn, for first steps: tables, and the 8 x 8 digits as pictures."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augmill.policies.errors import PolicyError
from augmill.policies.schema import Policy
from augmill.tasks.rows.provenance import PAYLOAD_TYPE
from augmill.tasks.sources.chunks import ReadOptions, typed
from augmill.tasks.sources.column_types import name_of
from augmill.tasks.sources.source_contract import Chunk, Scan, SourceListing, SourceObject, Unit

PREFIX = "builtin:"
_FILES = {
    "breast_cancer": "breast_cancer.csv",
    "wine": "wine_data.csv",
    "iris": "iris.csv",
    "digits": "digits.csv.gz",
}


def objects(policy: Policy) -> tuple[SourceObject, ...]:
    """The one object of a built-in source, hashed without importing scikit-learn. Raises PolicyError if unknown."""
    uri = policy.source.uri
    if not isinstance(uri, str):
        raise PolicyError(
            f"source.uri mixes {PREFIX} with URIs per split", f"give one URI, such as {PREFIX}digits, and fractions"
        )
    name = uri.removeprefix(PREFIX)
    if name not in _FILES or policy.source.format not in (None, "builtin"):
        near = get_close_matches(name, _FILES, 1)
        raise PolicyError(
            f"source.uri {uri} is not a built-in source" + (f"; did you mean {near[0]}?" if near else ""),
            f"use one of {', '.join(PREFIX + known_name for known_name in _FILES)}, and leave source.format out",
        )
    package = importlib.util.find_spec("sklearn")
    folders = list(package.submodule_search_locations or []) if package else []
    data = Path(folders[0], "datasets", "data", _FILES[name]).read_bytes()
    return (SourceObject(name, uri, len(data), hashlib.sha256(data).hexdigest()),)


def units(listing: SourceListing, policy: Policy, unit_bytes: int) -> list[Unit]:
    """One unit: the sets are small."""
    del policy, unit_bytes
    return [Unit("builtin", listing.objects)]


def scan(unit: Unit, policy: Policy) -> Scan:
    """Types and number of rows."""
    columns = _columns(unit.objects[0].name, policy)
    rows = len(next(iter(columns.values())))
    return Scan({name: name_of(values.type) for name, values in columns.items()}, rows)


def read(unit: Unit, options: ReadOptions) -> Iterator[Chunk]:
    """The rows, in the order of scikit-learn."""
    columns = _columns(unit.objects[0].name, options.policy)
    rows = np.arange(len(next(iter(columns.values()))))
    yield typed(columns, rows, unit.objects[0], options)


def _columns(name: str, policy: Policy) -> dict[str, pa.Array]:
    from sklearn import datasets

    loaded: Any = getattr(datasets, f"load_{name}")()
    target = pa.array(loaded.target.astype(np.int64))
    if name == "digits":
        return {"image": _pictures(loaded.images), policy.label or "label": target}
    features = {str(feature): pa.array(loaded.data[:, index]) for index, feature in enumerate(loaded.feature_names)}
    return {**features, "target": target}


def _pictures(images: NDArray[np.float64]) -> pa.Array:
    """Grey values 0 to 16 scaled to 0 to 255, as PNG."""
    pixels = np.rint(images * (255.0 / 16.0)).astype(np.uint8)
    payloads = [{"bytes": _png(image), "path": f"digits/{index:04d}.png"} for index, image in enumerate(pixels)]
    return pa.array(payloads, PAYLOAD_TYPE)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    # Stored, not compressed: the same bytes, and so the same sample ids, with any zlib.
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=0)
    return buffer.getvalue()
