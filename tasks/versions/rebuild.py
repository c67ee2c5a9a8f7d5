"""Rebuild: make published children again from their parents and their records, and compare every byte."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.expectations.suite import Suite
from augmill.policies.errors import AugmillError, DataError, PolicyError
from augmill.policies.schema import Policy
from augmill.tasks.modalities.modality_contract import PoolIndex, Recorded
from augmill.tasks.rows.fingerprint import differences, fingerprint, fingerprint_hash
from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.rows.identity import child_words, ids_of, words_of
from augmill.tasks.rows.provenance import (
    DEPTH,
    NAMES,
    OPS,
    PARENT_IDS,
    REAL,
    RECIPE_HASH,
    SAMPLE_ID,
    SEED,
    STEP,
)
from augmill.tasks.rows.randomness import U64, child_seeds, word_of
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.components import is_joint, modality_of, ops_of, transform_code
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import DataFile
from augmill.tasks.runs.manifest import Manifest, Published
from augmill.tasks.runs.map_shards import map_shards
from augmill.tasks.runs.row_index import write_index
from augmill.tasks.runs.row_pool import by_file, places_of
from augmill.tasks.stages.augment import relabelled, step_named
from augmill.tasks.stages.split import with_provenance
from augmill.tasks.storage import json_objects, parquet
from augmill.tasks.versions.refit import refitted_children
from augmill.tasks.versions.versions import Lake

I64 = NDArray[np.int64]
SHOWN = 10
MOST_COPIES = 100_000
"""Children of one base row, at most: ends the search for a copy number when a seed was tampered with."""


@dataclass(frozen=True)
class RebuiltFile:
    """One data file that was made again: its number of rows, the ids of rows that came out different, and the reason if
    it is known."""

    file: DataFile
    rows: int
    different: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True)
class RebuildItem:
    """The rows of one data file to make again: all rows if `ids` is None, otherwise those of `ids`."""

    file: DataFile
    index: str
    ids: tuple[str, ...] | None

    @property
    def name(self) -> str:
        """What messages call this piece of work."""
        return self.file.path


def context_of(lake: Lake, published: Published, plugins: Path | None, scratch: str) -> Context:
    """The context of the run that made a version, as far as its rows depend on it. Nothing is written to the lake."""
    return Context(
        policy=Policy.model_validate_json(json.dumps(published.manifest.policy)),
        base=Path(),
        suite=Suite(name=published.manifest.dataset),
        lake=lake.store.uri,
        fingerprint=fingerprint_hash(),
        shard_rows=0,
        shard_bytes=0,
        plugins=plugins,
        scratch=scratch,
    )


def locate(ctx: Context, manifest: Manifest, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The ids of the given rows by path of the file that holds them. Raises PolicyError for ids that no file holds."""
    missing = set(ids)
    ids_by_path: dict[str, tuple[str, ...]] = {}
    for file in manifest.data_files:
        if not missing:
            break
        file_ids = ctx.table.read_table(file.path, columns=[SAMPLE_ID])[SAMPLE_ID]
        requested_ids = file_ids.filter(pc.is_in(file_ids, pa.array(sorted(missing), pa.string()))).to_pylist()
        if requested_ids:
            ids_by_path[file.path] = tuple(requested_ids)
            missing.difference_update(requested_ids)
    if missing:
        raise _no_row(manifest, missing)
    return ids_by_path


def find(ctx: Context, manifest: Manifest, sample_id: str) -> tuple[DataFile, dict[str, Any]]:
    """The file that holds a row, and the row. Raises PolicyError if the version has no such row."""
    for file in manifest.data_files:
        rows = ctx.table.read_where(file.path, SAMPLE_ID, sample_id)
        if rows.num_rows:
            row: dict[str, Any] = rows.to_pylist()[0]
            return file, row
    raise _no_row(manifest, [sample_id])


def _no_row(manifest: Manifest, ids: Collection[str]) -> PolicyError:
    return PolicyError(
        f"{manifest.dataset} has no row {', '.join(sorted(ids)[:SHOWN])} in this version",
        f"A row is named by its {SAMPLE_ID}, 32 hexadecimal digits; it may be in another version.",
    )


def sample(ctx: Context, manifest: Manifest, count: int) -> list[str]:
    """The `count` children with the lowest ids: ids are hashes, so that is a random sample, and always the same."""
    files = [file for file in manifest.data_files if file.origin != REAL]
    lowest = [ctx.table.read_table(file.path, columns=[SAMPLE_ID])[SAMPLE_ID][:count].to_pylist() for file in files]
    return sorted(name for names in lowest for name in names)[:count]


def rebuild(ctx: Context, runner: Runner, published: Published, ids: Collection[str] | None) -> dict[str, Any]:
    """Make the given rows again (every row if `ids` is None), and return which came out different.

    Real rows are not made again: the bytes of their files are compared with the published digests.
    """
    manifest = published.manifest
    files = manifest.data_files
    ids_by_path = locate(ctx, manifest, ids) if ids is not None else None
    chosen = [file for file in files if ids_by_path is None or file.path in ids_by_path]
    real = [file for file in chosen if file.origin == REAL]
    children = [file for file in chosen if file.origin != REAL]
    altered = map_shards(runner, "compare", partial(is_altered, ctx), real, weight=lambda file: file.rows)
    rebuilt_files: list[RebuiltFile] = []
    if children:
        index = write_index(ctx, [file for file in files if file.origin == REAL and file.split == "train"])
        items = [RebuildItem(file, index, ids_by_path[file.path] if ids_by_path else None) for file in children]
        rebuilt_files = map_shards(runner, "rebuild", partial(rebuild_file, ctx), items, weight=_size)
    return _document(
        published, rebuilt_files, [file.path for file, bad in zip(real, altered, strict=True) if bad], real
    )


def is_altered(ctx: Context, file: DataFile) -> bool:
    """Worker: whether a file's bytes are no longer those that were published."""
    return not ctx.table.exists(file.path) or ctx.table.sha256(file.path) != file.sha256


def rebuild_file(ctx: Context, item: RebuildItem) -> RebuiltFile:
    """Worker: make the children of one file again, and compare them with what is published there."""
    rows = ctx.table.read_table(item.file.path)
    if item.ids is not None:
        rows = rows.filter(pc.is_in(rows[SAMPLE_ID], pa.array(item.ids, pa.string())))
    ids = tuple(rows[SAMPLE_ID].to_pylist())
    try:
        rebuilt = rebuild_rows(ctx, rows, item)
    except (AugmillError, KeyError, ValueError) as fault:  # a record that was tampered with may say anything
        return RebuiltFile(item.file, len(ids), ids, str(fault) or type(fault).__name__)
    return RebuiltFile(item.file, len(ids), tuple(_different_ids(rebuilt, rows)))


def rebuild_rows(ctx: Context, rows: pa.Table, item: RebuildItem) -> pa.Table:
    """The published children `rows` made from their parents, in the columns and the order of `rows`."""
    step = step_named(ctx, item.file.step)
    (recipe_hash,) = pc.unique(rows[RECIPE_HASH]).to_pylist()
    recipe = _recipe(ctx, recipe_hash)
    places = places_of(ctx.work, item.index)
    lists = rows[PARENT_IDS].combine_chunks()
    parent_ids = pc.unique(lists.flatten())
    positions = pc.index_in(parent_ids, places["sample_id"].combine_chunks())
    if positions.null_count:
        raise DataError(
            f"{positions.null_count} parents are no real training rows of this version", "Publish it again."
        )
    parents = by_file(ctx.table, places)(positions.to_numpy().astype(np.int64))
    pool = PoolIndex(parent_ids.to_pylist(), places["label"].take(positions).to_pylist(), recipe["label"])
    seeds = rows[SEED].to_numpy()
    recorded = Recorded(_parent_positions(lists, parent_ids), seeds, rows[OPS].to_pylist())
    words = words_of(parent_ids)[recorded.bases]
    copies = _copies(word_of("step", ctx.policy.seed, step.name), words[:, 0], seeds)
    ops = ops_of(ctx, step)
    if is_joint(ops):
        bases = parent_ids.take(pa.array(recorded.bases))
        children = refitted_children(ctx, recipe, item.index, bases, copies, seeds)
    else:
        children = modality_of(ctx).rebuild(ops, recipe["description"] or {}, parents, pool, recorded)
        children = relabelled(ctx, step, children, pool)
    provenance = {column: children[column] for column in NAMES if column in children.column_names} | {
        SAMPLE_ID: ids_of(child_words(recipe_hash, words, copies)),
        DEPTH: pa.repeat(pa.scalar(1, pa.int32()), rows.num_rows),
        STEP: pa.repeat(step.name, rows.num_rows),
        SEED: pa.array(seeds),
        RECIPE_HASH: pa.repeat(recipe_hash, rows.num_rows),
    }
    user = children.select([column for column in children.column_names if column not in NAMES])
    return _with_schema(with_provenance(user, provenance), rows.schema)


def _recipe(ctx: Context, recipe_hash: str) -> dict[str, Any]:
    recipe = json_objects.document(ctx.objects, f"recipes/{recipe_hash}.json")
    if hash_of(recipe) != recipe_hash:
        raise DataError(f"the recipe {recipe_hash} is not what it was when its children were made", "Restore it.")
    step = step_named(ctx, recipe["step"])
    if recipe["code"] != transform_code(ctx, step):
        raise DataError(
            f"the code of step {step.name!r} has changed since: {', '.join(use.use for use in step.transforms)}",
            "Check out the commit that the version's record names, and rebuild there.",
        )
    return recipe


def _copies(step: np.uint64, bases: U64, seeds: I64) -> I64:
    """The copy number of each child of its base row, (n,): the number that gives its seed, -1 if no number does."""
    copies = np.full(len(seeds), -1, dtype=np.int64)
    remaining = np.arange(len(seeds))
    number = 0
    while len(remaining) and number <= MOST_COPIES:
        fits = child_seeds(step, bases[remaining], np.full(len(remaining), number)) == seeds[remaining]
        copies[remaining[fits]] = number
        remaining = remaining[~fits]
        number += 1
    return copies


def _parent_positions(lists: pa.ListArray, parent_ids: pa.Array) -> list[list[int]]:
    rows = pc.index_in(lists.flatten(), parent_ids).to_numpy().tolist()
    ends = np.cumsum(pc.list_value_length(lists).to_numpy()).tolist()
    return [rows[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _with_schema(rebuilt: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the columns of `schema`; a column that the parents' files lack is null."""
    columns = [
        rebuilt[field.name].cast(field.type)
        if field.name in rebuilt.column_names
        else pa.nulls(rebuilt.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _different_ids(rebuilt: pa.Table, rows: pa.Table) -> list[str]:
    if parquet.encode(rebuilt) == parquet.encode(rows):
        return []
    ids = rows[SAMPLE_ID].to_pylist()
    # Compared as texts: two NaN are equal, and 0.0 and -0.0 are not.
    pairs = zip(ids, rebuilt.to_pylist(), rows.to_pylist(), strict=True)
    return [name for name, rebuilt_row, published_row in pairs if repr(rebuilt_row) != repr(published_row)] or ids


def _size(item: RebuildItem) -> int:
    return item.file.rows if item.ids is None else len(item.ids)


def _document(
    published: Published, rebuilt_files: Sequence[RebuiltFile], altered: Sequence[str], real: Sequence[DataFile]
) -> dict[str, Any]:
    different = sum(len(rebuilt.different) for rebuilt in rebuilt_files)
    return {
        "dataset": published.manifest.dataset,
        "version": published.version,
        "rebuilt": sum(rebuilt.rows for rebuilt in rebuilt_files),
        "different": different,
        "steps": [
            _step(name, [rebuilt for rebuilt in rebuilt_files if rebuilt.file.step == name])
            for name in _steps(rebuilt_files)
        ],
        "real": {"files": len(real), "rows": sum(file.rows for file in real), "altered": list(altered)},
        "unlike": differences(fingerprint(), published.manifest.fingerprint) if different else [],
        "exit_code": DataError.exit_code if different or altered else 0,
    }


def _steps(rebuilt_files: Sequence[RebuiltFile]) -> list[str]:
    return list(Counter(rebuilt.file.step for rebuilt in rebuilt_files))


def _step(name: str, rebuilt_files: Sequence[RebuiltFile]) -> Mapping[str, Any]:
    different = sorted(row for rebuilt in rebuilt_files for row in rebuilt.different)
    return {
        "name": name,
        "rebuilt": sum(rebuilt.rows for rebuilt in rebuilt_files),
        "different": len(different),
        "examples": different[:SHOWN],
        "reasons": sorted({rebuilt.reason for rebuilt in rebuilt_files if rebuilt.reason}),
    }
