"""Which rows of the source are synthetic, not collected, according to a column of the source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.policies.errors import DataError
from augmill.policies.gates import Collapse
from augmill.tasks.gates.gate_contract import Evidence
from augmill.tasks.rows.provenance import AUGMENTED, NAMES, REAL, SAMPLE_ID, SYNTHETIC

COLLECTED = (REAL, "original", "collected", "false", "0", "0.0", "no", "")
"""Values of the origin column that mark a row as collected; an empty cell does too."""

ORIGINS = (REAL, AUGMENTED, SYNTHETIC)
"""A column that holds only these words is an origin column, whatever its name: `augmill` writes them."""


@dataclass(frozen=True)
class Marked:
    """Ids of training rows that were synthetic in the source, the deepest generation, and the columns that say so."""

    ids: tuple[str, ...]
    deepest: int
    words: str


def read(evidence: Evidence, gate: Collapse) -> Marked:
    """Read which of the training rows the source marks as synthetic."""
    origin = gate.origin or _origin_column(evidence)
    ids: set[str] = set()
    deepest = 0
    if origin is not None:
        rows = _column(evidence, origin, "origin")
        text = pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(rows[origin], pa.string()).fill_null("")))
        marked = pc.invert(pc.is_in(text, pa.array(COLLECTED)))
        ids |= set(rows[SAMPLE_ID].filter(marked).to_pylist())
        deepest = int(bool(ids))
    if gate.depth is not None:
        rows = _column(evidence, gate.depth, "depth")
        depths = _generation_counts(rows[gate.depth], gate.depth)
        ids |= set(rows[SAMPLE_ID].filter(pa.array(depths > 0)).to_pylist())
        deepest = max(deepest, int(depths.max(initial=0)))
    columns = [name for name in (origin, gate.depth) if name is not None]
    words = (
        f"the source says by {' and '.join(columns)} which rows were made" if columns else "no column tells made rows"
    )
    return Marked(tuple(sorted(ids)), deepest, words)


def _column(evidence: Evidence, name: str, key: str) -> pa.Table:
    if name not in evidence.schema.names:
        raise DataError(
            f"gates.collapse.{key} names {name!r}, and the source has no such column",
            "Name the column that says which rows were made, or take the key out.",
        )
    if pa.types.is_nested(evidence.schema.field(name).type):
        raise DataError(
            f"gates.collapse.{key} names {name!r}, which holds no plain values", "Name a column of text or numbers."
        )
    return evidence.column(name)


def _generation_counts(column: pa.ChunkedArray, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    try:
        return np.asarray(pc.cast(column, pa.float64()).fill_null(0.0).to_numpy())
    except pa.ArrowInvalid:
        raise DataError(
            f"gates.collapse.depth names {name!r}, which does not hold numbers alone",
            "Name a column that counts generations: 0 for rows that were collected.",
        ) from None


def _origin_column(evidence: Evidence) -> str | None:
    """The name of a text column that holds only the words of `ORIGINS`, and not only `real`; None if there is none."""
    for field in evidence.schema:
        if (
            field.name in NAMES
            or not pa.types.is_string(field.type)
            or not _holds_origins_only(evidence.head(field.name))
        ):
            continue
        values = set(pc.unique(evidence.column(field.name)[field.name]).to_pylist()) - {None}
        if values - {REAL} and values <= set(ORIGINS):
            return str(field.name)
    return None


def _holds_origins_only(values: pa.ChunkedArray) -> bool:
    return set(pc.unique(values).to_pylist()) <= {*ORIGINS, None}
