"""Augment: make the children of every step, shard by shard, each child from its own seed and parents alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augmill.policies.label_transitions import remaps
from augmill.policies.schema import Step
from augmill.tasks.modalities.modality_contract import ChildSpecs, PoolIndex
from augmill.tasks.rows.hashing import digest_of, hash_of
from augmill.tasks.rows.identity import child_words, ids_of, words_of
from augmill.tasks.rows.label_remap import relabel
from augmill.tasks.rows.provenance import DEPTH, NAMES, ORIGIN, RECIPE_HASH, SAMPLE_ID, SEED, SPLIT, STEP
from augmill.tasks.rows.randomness import child_seeds, word_of
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.components import mixing_in, modality_of, ops_of
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import ChildShard, FittedStep
from augmill.tasks.runs.map_shards import map_shards
from augmill.tasks.runs.row_pool import open_pool, places_of
from augmill.tasks.runs.run import Run
from augmill.tasks.stages.fit import FitResult, read_state
from augmill.tasks.stages.sampling_plan import allocate
from augmill.tasks.stages.split import with_provenance
from augmill.tasks.storage.store import Store

I64 = NDArray[np.int64]
CACHED_BIRTHS = 2


@dataclass(frozen=True)
class ChildItem:
    """A run of births of one fitted step; the worker draws the same births again and takes this slice."""

    fitted: FittedStep
    description: str
    name: str
    start: int
    stop: int


def augment(run: Run, fitted: FitResult) -> list[ChildShard]:
    """Make the children of every step; shards that exist are not made again."""
    with run.stage("augment") as figures:
        children = make_shards(run.ctx, run.runner, fitted)
        figures["rows"] = sum(shard.rows for shard in children)
        return children


def make_shards(ctx: Context, runner: Runner, fitted: FitResult) -> list[ChildShard]:
    """Make every child that the plan asks for; shards that exist are not made again."""
    items = [item for step in fitted.steps for item in child_items(ctx, step, fitted.description)]
    shards = map_shards(
        runner, "augment", partial(make_children, ctx), items, weight=lambda item: item.stop - item.start
    )
    return [shard for shard in shards if shard.rows]


def child_items(ctx: Context, fitted: FittedStep, description: str) -> Iterator[ChildItem]:
    """Cut the births of one step and class into shards; a shard never spans two real files of a large modality."""
    places = places_of(ctx.work, fitted.index)
    births = births_of(ctx.work, fitted, ctx.policy.seed)
    for start, stop in _cuts(ctx, fitted, places, births):
        part = digest_of(births.copies[start:stop], births.seeds[start:stop])
        where = fitted.pool or places["file"][int(births.bases[start])].as_py()
        yield ChildItem(fitted, description, hash_of("children", fitted.recipe, where, part), start, stop)


@lru_cache(maxsize=CACHED_BIRTHS)
def births_of(work: Store, fitted: FittedStep, seed: int) -> ChildSpecs:
    """All births of one step and class: who is a base how often, and the seed of every copy.

    Kept from shard to shard: drawing those of 200,000 children takes as long as making 100 small pictures.
    """
    places = places_of(work, fitted.index)
    words = words_of(places["sample_id"])[:, 0]
    copies = allocate(fitted.count, read_state(work, fitted)["weights"], words)
    bases = np.repeat(np.arange(len(copies)), copies)
    number = np.arange(len(bases)) - np.repeat(np.cumsum(copies) - copies, copies)
    if fitted.pool is None:
        order = np.lexsort((number, places["row"].to_numpy()[bases], _file_codes(places)[bases]))
        bases, number = bases[order], number[order]
    seeds = child_seeds(word_of("step", seed, fitted.step), words[bases], number)
    return ChildSpecs(bases, number, seeds)


def step_named(ctx: Context, name: str) -> Step:
    """The policy's step of that name."""
    return next(step for step in ctx.policy.steps if step.name == name)


def make_children(ctx: Context, item: ChildItem) -> ChildShard:
    """Worker: make one shard of children, whole or not at all, sorted by id."""
    name = f"children/{item.name}"

    def make() -> ChildShard:
        began = time.process_time()
        table = children_table(ctx, item)
        size = ctx.work.pass_table(f"{name}.parquet", table)
        seconds = time.process_time() - began
        fitted = item.fitted
        return ChildShard(name, fitted.step, fitted.label, fitted.origin, table.num_rows, size, seconds)

    return ctx.once(ChildShard, name, make)


def children_table(ctx: Context, item: ChildItem) -> pa.Table:
    """The children of one shard with full provenance, sorted by id."""
    fitted = item.fitted
    index, places, load = open_pool(ctx, fitted)
    births, ids = _by_id(fitted, places, births_of(ctx.work, fitted, ctx.policy.seed), item)
    description = json.loads(ctx.work.read(f"{item.description}.json"))
    step = step_named(ctx, fitted.step)
    children = modality_of(ctx).children(
        ops_of(ctx, step), description, index, read_state(ctx.work, fitted), births, load
    )
    children = relabelled(ctx, step, children, index)
    rows = children.num_rows
    provenance = {name: children[name] for name in NAMES if name in children.column_names} | {
        SAMPLE_ID: ids,
        ORIGIN: pa.repeat(fitted.origin, rows),
        SPLIT: pa.repeat("train", rows),
        DEPTH: pa.repeat(pa.scalar(1, pa.int32()), rows),
        STEP: pa.repeat(fitted.step, rows),
        SEED: pa.array(births.seeds),
        RECIPE_HASH: pa.repeat(fitted.recipe, rows),
    }
    user = children.select([name for name in children.column_names if name not in NAMES])
    return with_provenance(user, provenance)


def relabelled(ctx: Context, step: Step, children: pa.Table, parents: PoolIndex) -> pa.Table:
    """Children as a modality made them, with the labels that the step's transforms remap."""
    if not remaps(step.transforms):
        return children
    labels = dict(zip(parents.ids, parents.labels, strict=True))
    return relabel(children, step.transforms, mixing_in(ctx, step), ctx.policy.label, labels)


def _by_id(fitted: FittedStep, places: pa.Table, births: ChildSpecs, item: ChildItem) -> tuple[ChildSpecs, pa.Array]:
    """The births of one shard and their ids, in the order of ids: so that no picture is moved to sort the rows."""
    bases, copies = births.bases[item.start : item.stop], births.copies[item.start : item.stop]
    words = child_words(fitted.recipe, words_of(places["sample_id"].take(pa.array(bases))), copies)
    order = np.lexsort((words[:, 1], words[:, 0]))
    return ChildSpecs(bases[order], copies[order], births.seeds[item.start : item.stop][order]), ids_of(words[order])


def _cuts(ctx: Context, fitted: FittedStep, places: pa.Table, births: ChildSpecs) -> Iterator[tuple[int, int]]:
    size = ctx.shard_rows or modality_of(ctx).SHARD_ROWS
    total = len(births.bases)
    edges: Sequence[int] = [0, total]
    if fitted.pool is None and total:
        files = _file_codes(places)[births.bases]
        edges = [0, *(np.flatnonzero(np.diff(files)) + 1).tolist(), total]
    for low, high in pairwise(edges):
        for start in range(low, high, size):
            yield start, min(start + size, high)


def _file_codes(places: pa.Table) -> I64:
    encoded = places["file"].combine_chunks().dictionary_encode()
    rank = np.argsort(np.argsort(encoded.dictionary.to_pylist()))
    return np.asarray(rank[encoded.indices.to_numpy()], dtype=np.int64)
