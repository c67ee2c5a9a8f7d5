"""Real training rows that a step works on: who they are, and how to get at them from any worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.tasks.modalities.modality_contract import Loader, PoolIndex
from augmill.tasks.rows.identity import by_id
from augmill.tasks.rows.provenance import NAMES, SAMPLE_ID
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import FittedStep
from augmill.tasks.storage.store import Store

I64 = NDArray[np.int64]
CACHED_FILES = 4
CACHED_POOLS = 3


def user_columns(table: pa.Table) -> pa.Table:
    """The table without provenance columns, but with the sample id last."""
    keep = [name for name in table.column_names if name not in NAMES]
    return table.select([*keep, SAMPLE_ID])


def open_pool(ctx: Context, fitted: FittedStep) -> tuple[PoolIndex, pa.Table, Loader]:
    """The pool's index, its place table (`sample_id`, `label`, `file`, `row`) and a loader of its rows."""
    places = places_of(ctx.work, fitted.index)
    index = PoolIndex(places["sample_id"].to_pylist(), places["label"].to_pylist(), fitted.label)
    if fitted.pool is not None:
        rows = _pool(ctx.work, fitted.pool)
        return index, places, lambda places_to_load: rows.take(pa.array(places_to_load))
    return index, places, by_file(ctx.table, places)


def by_file(store: Store, places: pa.Table) -> Loader:
    """Load rows straight from the real files, each file read once per call and a few kept in memory."""
    coded = places["file"].unify_dictionaries().combine_chunks()
    paths, files = coded.dictionary.to_pylist(), coded.indices.to_numpy()
    rows = places["row"].to_numpy()

    def load(places: I64) -> pa.Table:
        parts, order = [], []
        for code in dict.fromkeys(files[places].tolist()):
            positions = np.flatnonzero(files[places] == code)
            parts.append(_file(store, paths[code]).take(pa.array(rows[places[positions]])))
            order.append(positions)
        back = np.argsort(np.concatenate(order), kind="stable") if order else np.zeros(0, dtype=np.int64)
        return pa.concat_tables(parts, promote_options="default").take(pa.array(back))

    return load


def gather(store: Store, paths: Sequence[str], keep: Callable[[pa.Table], pa.Array] | None = None) -> pa.Table:
    """Rows of several real files for which `keep` holds, sorted by id, as user columns and id."""
    parts = []
    for path in paths:
        table = store.read_table(path)
        parts.append(user_columns(table.filter(keep(table)) if keep else table))
    return by_id(pa.concat_tables(parts, promote_options="default"), SAMPLE_ID)


@lru_cache(maxsize=CACHED_FILES)
def _file(store: Store, path: str) -> pa.Table:
    return user_columns(store.read_table(path))


@lru_cache(maxsize=CACHED_POOLS)
def places_of(store: Store, name: str) -> pa.Table:
    """Who is in a pool, sorted by id, and where: `sample_id`, `label`, `file`, `row`."""
    return store.read_table(f"{name}.parquet")


@lru_cache(maxsize=CACHED_POOLS)
def _pool(store: Store, name: str) -> pa.Table:
    return store.read_table(f"{name}.parquet")


def of_labels(labels: Sequence[str], column: str | None) -> Callable[[pa.Table], pa.Array] | None:
    """A filter for rows of some classes; None where rows are unlabelled."""
    if column is None:
        return None
    return lambda table: pc.is_in(pc.cast(table[column], pa.string()), pa.array(labels, pa.string()))
