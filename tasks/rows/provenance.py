"""The columns of every published row, real rows included: its id and its origin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import pyarrow as pa

from augmill.policies.errors import DataError

PREFIX = "augmill_"

SAMPLE_ID = PREFIX + "sample_id"
ORIGIN = PREFIX + "origin"
SPLIT = PREFIX + "split"
PARENT_IDS = PREFIX + "parent_ids"
DEPTH = PREFIX + "depth"
STEP = PREFIX + "step"
OPS = PREFIX + "ops"
SEED = PREFIX + "seed"
RECIPE_HASH = PREFIX + "recipe_hash"
SOURCE = PREFIX + "source"
LABEL_WEIGHTS = PREFIX + "label_weights"

NEAREST = "nearest"
"""`parents` in `augmill_ops`, where a sampler did not say what it made a row of: they are the nearest rows."""

REAL, AUGMENTED, SYNTHETIC = "real", "augmented", "synthetic"

SOURCE_TYPE = pa.struct([("object", pa.string()), ("sha256", pa.string()), ("row", pa.int64())])
WEIGHTS_TYPE = pa.list_(pa.struct([("label", pa.string()), ("weight", pa.float64())]))

FIELDS: tuple[pa.Field, ...] = (
    pa.field(SAMPLE_ID, pa.string(), nullable=False),
    pa.field(ORIGIN, pa.string(), nullable=False),
    pa.field(SPLIT, pa.string(), nullable=False),
    pa.field(PARENT_IDS, pa.list_(pa.string())),
    pa.field(DEPTH, pa.int32()),
    pa.field(STEP, pa.string()),
    pa.field(OPS, pa.string()),
    pa.field(SEED, pa.int64()),
    pa.field(RECIPE_HASH, pa.string()),
    pa.field(SOURCE, SOURCE_TYPE),
    pa.field(LABEL_WEIGHTS, WEIGHTS_TYPE),
)
NAMES = tuple(field.name for field in FIELDS)
MEANINGS = {
    SAMPLE_ID: "The row's own id, from its content or its key.",
    ORIGIN: "real, augmented (a real row changed) or synthetic (made of several rows).",
    SPLIT: "train, validation or test.",
    PARENT_IDS: "The rows that this one was made of; empty for a real row.",
    DEPTH: "Generations between this row and real ones; 0 for a real row.",
    STEP: "The step of the policy that made the row.",
    OPS: "What was done to the parents, in order, with the values drawn, as JSON.",
    SEED: "The seed of the row's own random draws.",
    RECIPE_HASH: "A hash of what made the row: parameters and code.",
    SOURCE: "The raw object that a real row was read from, its hash, and which row of it.",
    LABEL_WEIGHTS: "Classes and their shares, where the label is a mixture.",
}
"""The meaning of each column, for cards and catalogues."""
PARTITIONS = (SPLIT, ORIGIN)

PAYLOAD_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
BOXES_TYPE = pa.list_(
    pa.struct([(name, pa.float64()) for name in ("xmin", "ymin", "xmax", "ymax")] + [("label", pa.string())])
)


def refuse_clashes(columns: Collection[str]) -> None:
    """Raise DataError if a column has the reserved prefix, or two differ only in case (engines ignore case)."""
    taken = [name for name in columns if name.lower().startswith(PREFIX)]
    if taken:
        raise DataError(
            f"columns of the source have names reserved for provenance: {', '.join(map(repr, taken))}",
            "Rename them at the source; every published row carries its own augmill_ columns.",
        )
    folded = Counter(name.lower() for name in columns)
    twins = sorted(name for name in columns if folded[name.lower()] > 1)
    if twins:
        raise DataError(
            f"columns of the source differ only in case: {', '.join(map(repr, twins))}",
            "Rename one of them: Spark, DuckDB and Delta take them for the same column.",
        )
