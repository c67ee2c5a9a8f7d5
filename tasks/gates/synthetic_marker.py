"""Which rows of the source were made, not collected: as a column of the source says."""

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
"""What a named column says of a row that was not made; an empty cell says it too."""

OURS = (REAL, AUGMENTED, SYNTHETIC)
"""A column of these words alone says who was made, whatever it is called: `augmill` writes them."""


@dataclass(frozen=True)
class Marked:
    """Ids of training rows that were made before they came here, the deepest generation of all, and who says so."""

    made: tuple[str, ...]
    deepest: int
    words: str


def read(evidence: Evidence, asked: Collapse) -> Marked:
    """What the source says of its training rows."""
    origin = asked.origin or _telling(evidence)
    made: set[str] = set()
    deepest = 0
    if origin is not None:
        rows = _column(evidence, origin, "origin")
        text = pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(rows[origin], pa.string()).fill_null("")))
        said = pc.invert(pc.is_in(text, pa.array(COLLECTED)))
        made |= set(rows[SAMPLE_ID].filter(said).to_pylist())
        deepest = int(bool(made))
    if asked.depth is not None:
        rows = _column(evidence, asked.depth, "depth")
        depths = _whole(rows[asked.depth], asked.depth)
        made |= set(rows[SAMPLE_ID].filter(pa.array(depths > 0)).to_pylist())
        deepest = max(deepest, int(depths.max(initial=0)))
    named = [name for name in (origin, asked.depth) if name is not None]
    words = f"the source says by {' and '.join(named)} which rows were made" if named else "no column tells made rows"
    return Marked(tuple(sorted(made)), deepest, words)


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


def _whole(column: pa.ChunkedArray, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    try:
        return np.asarray(pc.cast(column, pa.float64()).fill_null(0.0).to_numpy())
    except pa.ArrowInvalid:
        raise DataError(
            f"gates.collapse.depth names {name!r}, which does not hold numbers alone",
            "Name a column that counts generations: 0 for rows that were collected.",
        ) from None


def _telling(evidence: Evidence) -> str | None:
    """A text column that holds nothing but our words for origins, and not `real` alone."""
    for field in evidence.schema:
        if field.name in NAMES or not pa.types.is_string(field.type) or not _only(evidence.head(field.name)):
            continue
        values = set(pc.unique(evidence.column(field.name)[field.name]).to_pylist()) - {None}
        if values - {REAL} and values <= set(OURS):
            return str(field.name)
    return None


def _only(values: pa.ChunkedArray) -> bool:
    return set(pc.unique(values).to_pylist()) <= {*OURS, None}
