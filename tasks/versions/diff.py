"""Compare two versions of a data set: policy, rows by class, origin and step, distributions, figures and checks.

Files that both versions have in common hold the same rows and are not opened. From the other files only ids and labels
are read. Features are compared on a sample of training rows. The sample is the same each time, because rows are stored
in the order of their ids, which are hashes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.policies.errors import PolicyError
from augmill.tasks.cards.policy_diff import unified
from augmill.tasks.gates.feature_drift import kolmogorov_smirnov, total_variation
from augmill.tasks.rows.identity import content_words
from augmill.tasks.rows.provenance import NAMES, SAMPLE_ID
from augmill.tasks.runs.descriptors import DataFile
from augmill.tasks.runs.manifest import Manifest, Published
from augmill.tasks.runs.row_index import label_text
from augmill.tasks.storage.store import Store
from augmill.tasks.versions.versions import Lake

SAMPLE_ROWS = 100_000
ROWS = ("real", "augmented", "synthetic", "quarantined", "dropped")
Counts = Counter[tuple[str, str, str, str]]
"""Rows by origin, split, step and label."""


@dataclass(frozen=True)
class Side:
    """The rows of one version in files that the other version does not have: id, label, and the index of the file."""

    files: tuple[DataFile, ...]
    ids: pa.Array
    labels: pa.Array
    file: NDArray[np.int64]

    def count(self, chosen: NDArray[np.bool_]) -> Counts:
        """The number of chosen rows by origin, split, step and label. `chosen`: a mask over the rows, (n,)."""
        counts: Counts = Counter()
        for number in np.unique(self.file[chosen]).tolist():
            file = self.files[number]
            labels = self.labels.filter(pa.array(chosen & (self.file == number)))
            for label_count in labels.value_counts().to_pylist():
                counts[file.origin, file.split, file.step, label_count["values"]] += label_count["counts"]
        return counts


def compare(lake: Lake, a: Published, b: Published) -> dict[str, Any]:
    """The differences from version `a` to version `b`. Raises PolicyError if they belong to two data sets."""
    old, new = a.manifest, b.manifest
    if old.dataset != new.dataset:
        raise PolicyError(f"{old.dataset} and {new.dataset} are two data sets", "Name two versions of one.")
    store = lake.store.sub(old.dataset)
    names = [f"{old.dataset}@{published.version}" for published in (a, b)]
    shared = {file.path for file in old.data_files} & {file.path for file in new.data_files}
    return {
        "dataset": old.dataset,
        "a": a.version,
        "b": b.version,
        "policy_diff": unified(old.policy_text, new.policy_text, *names),
        "suite_diff": unified(old.suite_text, new.suite_text, *names),
        "rows": _rows(store, old, new, shared),
        "columns": _columns(old, new),
        "figures": _figures(lake, a, b),
        "shift": _shift(store, old, new, shared),
    }


def _rows(store: Store, old: Manifest, new: Manifest, shared: set[str]) -> dict[str, Any]:
    old_side, new_side = (_side(store, manifest, shared) for manifest in (old, new))
    positions = pc.index_in(new_side.ids, old_side.ids)
    added = np.asarray(pc.is_null(positions), dtype=np.bool_)
    old_positions = pc.fill_null(positions, 0).to_numpy()[~added]
    removed = np.ones(len(old_side.ids), dtype=np.bool_)
    removed[old_positions] = False
    splits = [np.asarray([file.split for file in side.files], dtype=object) for side in (old_side, new_side)]
    moved = (
        splits[0][old_side.file[old_positions]] != splits[1][new_side.file[~added]]
        if len(old_positions)
        else np.zeros(0, dtype=np.bool_)
    )
    same = sum(file.rows for file in new.data_files if file.path in shared)
    return {
        "kept": same + len(old_positions),
        "moved": int(moved.sum()),
        "changed": _count_changed_rows(
            store, old_side, new_side, old_side.ids.take(pa.array(old_positions)), new.policy["key"]
        ),
        "added": _count_rows(new_side.count(added)),
        "removed": _count_rows(old_side.count(removed)),
    }


def _side(store: Store, manifest: Manifest, shared: set[str]) -> Side:
    files = tuple(file for file in manifest.data_files if file.path not in shared)
    label = manifest.policy["label"]
    ids, labels, file_numbers = [], [], []
    for number, file in enumerate(files):
        rows = store.read_table(file.path, columns=[SAMPLE_ID, *([label] if label else [])])
        ids.append(rows[SAMPLE_ID].combine_chunks())
        labels.append(label_text(rows, label))
        file_numbers.append(np.full(rows.num_rows, number))
    empty = pa.array([], pa.string())
    return Side(
        files,
        pa.concat_arrays([empty, *ids]),
        pa.concat_arrays([empty, *labels]),
        np.concatenate([[], *file_numbers]).astype(np.int64),
    )


def _count_changed_rows(store: Store, old_side: Side, new_side: Side, ids: pa.Array, key: str | None) -> int:
    """How many rows of both versions have other values. Only with a key does a corrected row keep its id."""
    if key is None or not len(ids):
        return 0
    words = [_content_words_of(store, side, ids) for side in (old_side, new_side)]
    return int((words[0] != words[1]).any(axis=1).sum())


def _content_words_of(store: Store, side: Side, ids: pa.Array) -> NDArray[np.uint64]:
    words = np.zeros((len(ids), 2), dtype=np.uint64)
    for file in side.files:
        rows = store.read_table(file.path)
        at = pc.index_in(rows[SAMPLE_ID].combine_chunks(), ids)
        present = np.asarray(pc.is_valid(at), dtype=np.bool_)
        rows = rows.filter(pa.array(present))
        words[at.drop_null().to_numpy()] = content_words(
            rows, [name for name in rows.column_names if name not in NAMES]
        )
    return words


def _count_rows(counts: Counts) -> list[dict[str, Any]]:
    keys = ("origin", "split", "step", "label")
    return [dict(zip(keys, key, strict=True)) | {"rows": count} for key, count in sorted(counts.items())]


def _columns(old: Manifest, new: Manifest) -> dict[str, Any]:
    both = old.types.keys() & new.types.keys()
    return {
        "added": sorted(new.types.keys() - both),
        "removed": sorted(old.types.keys() - both),
        "retyped": {
            name: [old.types[name], new.types[name]] for name in sorted(both) if old.types[name] != new.types[name]
        },
    }


def _figures(lake: Lake, a: Published, b: Published) -> list[dict[str, Any]]:
    """The figures of both versions, by name; null where a version does not have the figure."""
    a_figures, b_figures = (_figures_of(lake, published) for published in (a, b))
    return [{"name": name, "a": a_figures.get(name), "b": b_figures.get(name)} for name in {**a_figures, **b_figures}]


def _figures_of(lake: Lake, published: Published) -> dict[str, Any]:
    figures = published.manifest.figures
    figures_by_name: dict[str, Any] = {f"rows, {name}": figures["rows"].get(name, 0) for name in ROWS}
    figures_by_name |= {f"check {check['name'].replace('_', ' ')}": check["observed"] for check in figures["checks"]}
    accuracy = (figures.get("verifier") or {}).get("accuracy")
    figures_by_name |= {} if accuracy is None else {"verifier accuracy": accuracy}
    levels = lake.record(published.manifest.dataset, published.version).get("slis") or ()
    return figures_by_name | {f"level {level['name'].replace('_', ' ')}": level["observed"] for level in levels}


def _shift(store: Store, old: Manifest, new: Manifest, shared: set[str]) -> list[dict[str, Any]]:
    """How far the distribution of each feature of the training rows has moved, the largest distance first."""
    train = [[file for file in manifest.data_files if file.split == "train"] for manifest in (old, new)]
    if {file.path for files in train for file in files} <= shared:
        return []
    names = [name for name, kind in new.types.items() if old.types.get(name) == kind]
    old_sample, new_sample = (_sample(store, files, names) for files in train)
    shifts = [
        _column_shift(name, old_sample[name], new_sample[name]) for name in names if name in old_sample.column_names
    ]
    return sorted((shift for shift in shifts if shift), key=lambda shift: (-shift["distance"], shift["column"]))


def _sample(store: Store, files: Sequence[DataFile], names: Sequence[str]) -> pa.Table:
    """The first rows of each file, in proportion to the number of its rows."""
    share = min(1.0, SAMPLE_ROWS / max(1, sum(file.rows for file in files)))
    parts = []
    for file in files:
        schema = store.schema(file.path)
        plain = [name for name in names if name in schema.names and not pa.types.is_nested(schema.field(name).type)]
        remaining = ceil(file.rows * share)
        for batch in store.batches(file.path, plain, max(1, remaining)):
            parts.append(pa.Table.from_batches([batch.slice(0, remaining)]))
            remaining -= batch.num_rows
            if remaining <= 0:
                break
    return pa.concat_tables(parts, promote_options="default")


def _column_shift(name: str, old: pa.ChunkedArray, new: pa.ChunkedArray) -> dict[str, Any] | None:
    """The shift of one feature, None if it is no number or category. Its distance is from 0 (same distribution) to 1:
    for numbers the Kolmogorov-Smirnov distance of the distribution functions, for other values the total variation,
    half the sum of the differences of their shares."""
    sides = (old, new)
    missing = [side.null_count / max(1, len(side)) for side in sides]
    shift = {"column": name, "missing": [round(share, 6) for share in missing]}
    if pa.types.is_boolean(old.type) or pa.types.is_string(old.type):
        shares = [_shares(side) for side in sides]
        values = sorted(shares[0].keys() | shares[1].keys(), key=str)
        distance = total_variation(*(np.array([side.get(value, 0.0) for value in values]) for side in shares))
        return shift | {
            "kind": "category",
            "values": [len(side_shares) for side_shares in shares],
            "distance": round(distance, 6),
        }
    if not (pa.types.is_integer(old.type) or pa.types.is_floating(old.type)):
        return None
    numbers = [_numbers(side) for side in sides]
    return shift | {
        "kind": "number",
        "mean": [float(side_numbers.mean()) if len(side_numbers) else None for side_numbers in numbers],
        "std": [float(side_numbers.std()) if len(side_numbers) else None for side_numbers in numbers],
        "distance": round(_distribution_distance(*numbers), 6),
    }


def _shares(side: pa.ChunkedArray) -> Mapping[Any, float]:
    value_counts = side.value_counts().to_pylist()
    return {value_count["values"]: value_count["counts"] / len(side) for value_count in value_counts}


def _numbers(side: pa.ChunkedArray) -> NDArray[np.float64]:
    values: NDArray[np.float64] = side.drop_null().cast(pa.float64(), safe=False).to_numpy()
    return values[np.isfinite(values)]


def _distribution_distance(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    if not len(before) or not len(now):
        return float(len(before) != len(now))
    return kolmogorov_smirnov(before, np.ones(len(before)), now)
