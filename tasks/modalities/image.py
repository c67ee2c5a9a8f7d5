"""Pictures: classification, segmentation (masks) and detection (boxes), one sample per row.

After ingest the picture is column `image` and its mask, if any, column `mask`, both `struct<bytes, path>`; boxes
are column `boxes` (`provenance.BOXES_TYPE`). All other columns are carried from the base parent to its children.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augmill.policies.schema import Policy
from augmill.tasks.modalities import _image_children, _image_facts, _image_features, _image_fit
from augmill.tasks.modalities._image_codec import decode
from augmill.tasks.modalities._image_noise import noise_share
from augmill.tasks.modalities._image_opencv import load_opencv
from augmill.tasks.modalities._image_thumbnail import thumbnail
from augmill.tasks.modalities.modality_contract import Arrays, ChildSpecs, Loader, Op, PoolIndex, Recorded
from augmill.tasks.rows.identity import content_words, digest_words

__all__ = [
    "POOLED",
    "SHARD_ROWS",
    "appearance",
    "bounds",
    "children",
    "describe",
    "facts",
    "feature_columns",
    "features",
    "fit",
    "lint_figures",
    "merge",
    "rebuild",
    "refusals",
    "tally",
    "thumbnail",
    "warm",
]

# Children per shard: some 2 seconds of work at 224 pixels, and a few MB in memory.
SHARD_ROWS = 1000
# Pictures are read from the real files as they are needed; no copy of a class is kept beside them.
POOLED = False


def facts(policy: Policy, rows: pa.Table) -> pa.Table:
    """What is wrong with each raw row (`fault`), and its `image.width`, `.height`, `.channels`, `.dtype`, ....

    Undecodable, truncated, oversized and unsupported pictures are faults; so are missing masks, masks of another
    size, and boxes that are degenerate or reach outside.
    """
    load_opencv()
    return _image_facts.facts(rows)


def describe(policy: Policy, batches: Iterable[pa.Table]) -> dict[str, Any]:
    """Kinds (channels, dtype, count), smallest and largest sides, formats, and whether there are masks or boxes."""
    return merge(policy, (tally(policy, rows) for rows in batches))


def tally(policy: Policy, rows: pa.Table) -> dict[str, Any]:
    """Kinds, sides, formats, masks and boxes of some pictures, from their headers."""
    load_opencv()
    return _image_facts.tally(rows)


def merge(policy: Policy, tallies: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What `describe` says, from tallies."""
    return _image_facts.merge(policy, tallies)


def lint_figures(description: Mapping[str, Any], rows: pa.Table) -> dict[str, Any]:
    """For the rules of lint: whether there is `colour`, and the `noise_share` of the sample `rows`."""
    pictures = (decode(picture["bytes"]) for picture in rows["image"].to_pylist())
    colour = any(channels > 1 for channels, _, _ in description["kinds"])
    return {"colour": colour, "noise_share": noise_share(pictures)}


def refusals(op: Op, description: Mapping[str, Any]) -> list[str]:
    """Why `op` cannot take this data; empty if it can."""
    load_opencv()
    return _image_fit.refusals(op, description)


def fit(ops: Sequence[Op], description: Mapping[str, Any], pool: PoolIndex, load: Loader) -> Arrays:
    """Nothing is learnt from pictures: every row of the target's class is a base equally often."""
    load_opencv()
    return _image_fit.fit(ops, pool)


def children(
    ops: Sequence[Op],
    description: Mapping[str, Any],
    pool: PoolIndex,
    state: Arrays,
    births: ChildSpecs,
    load: Loader,
) -> pa.Table:
    """Make the children; see `Modality.children`."""
    load_opencv()
    return _image_children.children(ops, pool, births, load)


def rebuild(
    ops: Sequence[Op],
    description: Mapping[str, Any],
    parents: pa.Table,
    who: PoolIndex,
    recorded: Recorded,
) -> pa.Table:
    """Published children again, from their parents' rows; see `Modality.rebuild`."""
    load_opencv()
    return _image_children.rebuild(ops, parents, who, recorded)


def warm(ops: Sequence[Op]) -> None:
    """Import OpenCV and, by building the transforms, albumentations, which takes some 2 seconds."""
    load_opencv()
    for op in ops:
        op.module.build(op.params)


def features(description: Mapping[str, Any], rows: pa.Table) -> NDArray[np.float64]:
    """What a verifier sees of the pictures: shapes by their gradients, and colours where there are any."""
    load_opencv()
    return _image_features.features(description, rows)


def appearance(policy: Policy, rows: pa.Table) -> NDArray[np.uint64]:
    """Two words per row from its decoded pixels and its label: the same picture in another encoding is the same."""
    load_opencv()
    label_columns = [policy.label] if policy.label is not None and policy.label in rows.column_names else []
    words = content_words(rows, label_columns)
    pixels = [decode(picture["bytes"]) for picture in rows["image"].to_pylist()]
    digests = [digest_words(f"{image.shape}{image.dtype}".encode() + image.tobytes()) for image in pixels]
    return np.asarray(words ^ np.array(digests, dtype=np.uint64).reshape(-1, 2))


def feature_columns(description: Mapping[str, Any]) -> list[str]:
    """The picture."""
    return ["image"]


def bounds(description: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """None: the values of pixels have no range but their type's."""
    return {}
