"""The ledger of published bonds: immutable segments, one per version that added rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.rows.randomness import U64
from augmill.tasks.splits.assign import I8, Ledger
from augmill.tasks.storage.store import Store


def load(store: Store, segments: Sequence[str]) -> Ledger:
    """Read the segments a version names into one sorted ledger."""
    tables = [store.read_table(name) for name in segments]
    if not tables:
        return Ledger(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int8))
    table = pa.concat_tables(tables)
    bonds = table["bond"].to_numpy()
    splits = table["split"].to_numpy()
    order = np.argsort(bonds, kind="stable")
    return Ledger(bonds[order], splits[order])


def write_segment(store: Store, bonds: U64, splits: I8) -> str:
    """Write one segment, named by the hash of its content; returns the name."""
    table = pa.table({"bond": bonds, "split": splits})
    name = f"ledger/{hash_of(bonds.tobytes().hex(), splits.tobytes().hex())}.parquet"
    if not store.exists(name):
        store.write_table(name, table)
    return name
