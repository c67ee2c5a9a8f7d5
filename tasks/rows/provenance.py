"""The columns that every published row carries, real rows included: who it is and where it came from."""

from __future__ import annotations

import pyarrow as pa

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
PARTITIONS = (SPLIT, ORIGIN)

PAYLOAD_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
BOXES_TYPE = pa.list_(
    pa.struct([(name, pa.float64()) for name in ("xmin", "ymin", "xmax", "ymax")] + [("label", pa.string())])
)


def clashes(columns: list[str]) -> list[str]:
    """User columns that carry the reserved prefix, in any case (engines fold case)."""
    return [name for name in columns if name.lower().startswith(PREFIX)]
