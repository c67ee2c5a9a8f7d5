"""The index of valid rows: per shard on disk, for a whole run in memory as a few flat arrays, never payloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.policies.schema import SPLITS, Policy
from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.rows.identity import by_id, content_words, key_words, like_columns, with_occurrence
from augmill.tasks.rows.provenance import SAMPLE_ID, SOURCE, SPLIT
from augmill.tasks.rows.randomness import U64, mix, word_of
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import DataFile

I64 = NDArray[np.int64]


def index_of(policy: Policy, rows: pa.Table, positions: I64) -> pa.Table:
    """What the split stage must know of the valid rows of one shard: identity, bonds, label, place of origin."""
    columns = [name for name in rows.column_names if name not in (SOURCE, SPLIT)]
    words = content_words(rows, columns)
    alike = like_columns(policy, columns)
    source = rows[SOURCE].combine_chunks()
    index_columns = {
        "position": pa.array(positions),
        "word0": words[:, 0],
        "word1": words[:, 1],
        "bond": bond_words(words if alike == columns else content_words(rows, alike)),
        "label": label_text(rows, policy.label),
        "given": _given(policy, rows),
        "object": pc.struct_field(source, "object"),
        "sha256": pc.struct_field(source, "sha256"),
        "row": pc.struct_field(source, "row"),
    }
    if policy.key:
        keys = key_words(rows[policy.key])
        index_columns |= {"key0": keys[:, 0], "key1": keys[:, 1]}
    if policy.split.group:
        index_columns["group"] = key_words(rows[policy.split.group])[:, 0]
    return pa.table(index_columns)


def write_index(ctx: Context, files: Sequence[DataFile]) -> str:
    """Keep who is where in the given real files, sorted by id; returns the object's name."""
    label = ctx.policy.label
    name = f"index/{hash_of([file.path for file in files], label)}"
    if not ctx.work.exists(f"{name}.parquet"):
        parts = []
        for number, file in enumerate(files):
            rows = ctx.table.read_table(file.path, columns=[SAMPLE_ID, *([label] if label else [])])
            places = {"sample_id": rows[SAMPLE_ID], "label": label_text(rows, label)}
            parts.append(
                pa.table({**places, "file": pa.repeat(number, rows.num_rows), "row": np.arange(rows.num_rows)})
            )
        table = by_id(pa.concat_tables(parts), "sample_id")
        # Codes are kept several times faster than the paths they stand for.
        paths = pa.array([file.path for file in files])
        numbers = table["file"].combine_chunks().cast(pa.int32())
        table = table.set_column(2, "file", pa.DictionaryArray.from_arrays(numbers, paths))
        ctx.work.write_table(f"{name}.parquet", table)
    return name


def bond_words(words: U64) -> U64:
    """One word per row, shape (n,), from two."""
    return np.asarray(words[:, 0] ^ mix(words[:, 1]), dtype=np.uint64)


def label_text(rows: pa.Table, label: str | None) -> pa.Array:
    """The label of each row as text, so that labels of any type compare and count alike; "" if unlabelled."""
    if label is None or label not in rows.column_names:
        return pa.array([""] * rows.num_rows, pa.string())
    return pc.cast(rows[label], pa.string()).combine_chunks()


def _given(policy: Policy, rows: pa.Table) -> pa.Array:
    codes = pa.array(SPLITS)
    column = rows[policy.split.column] if policy.split.column else rows[SPLIT]
    text = pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(column, pa.string())))
    aliases = {"val": "validation", "valid": "validation", "dev": "validation", "training": "train"}
    for alias, name in aliases.items():
        text = pc.replace_substring_regex(text, f"^{alias}$", name)
    return pc.fill_null(pc.index_in(text, codes), -1).cast(pa.int8()).combine_chunks()


@dataclass(frozen=True)
class Rows:
    """All valid rows of a run, shard after shard: identity words, bonds, labels, given splits."""

    shard: I64
    position: I64
    words: U64
    bonds: U64
    label: NDArray[np.object_]
    codes: I64
    classes: tuple[str, ...]
    given: NDArray[np.int8]
    repeated: NDArray[np.bool_]

    @classmethod
    def load(cls, policy: Policy, tables: Sequence[pa.Table]) -> Rows:
        """Concatenate the shards' indexes, number identical rows and tie bonds."""
        table = pa.concat_tables(tables)
        shard = np.repeat(np.arange(len(tables)), [part.num_rows for part in tables])
        content = np.stack([table["word0"].to_numpy(), table["word1"].to_numpy()], axis=1)
        order = _by_source(table)
        identity = content
        if policy.key:
            identity = np.stack([table["key0"].to_numpy(), table["key1"].to_numpy()], axis=1)
        occurrence = _occurrence(identity, order)
        encoded = pc.dictionary_encode(table["label"].combine_chunks())
        names = encoded.dictionary.to_pylist()
        rank = np.argsort(np.argsort(names)) if names else np.zeros(0, dtype=np.int64)
        return cls(
            shard=shard,
            position=table["position"].to_numpy(),
            words=identity if policy.key else with_occurrence(identity, occurrence),
            bonds=_bonds(policy, table, identity),
            label=np.asarray(table["label"].to_pylist(), dtype=object),
            codes=rank[encoded.indices.to_numpy()].astype(np.int64),
            classes=tuple(sorted(names)),
            given=table["given"].to_numpy(),
            repeated=(occurrence > 0) if policy.key else np.zeros(len(shard), dtype=np.bool_),
        )


def _by_source(table: pa.Table) -> I64:
    shas = pc.dictionary_encode(table["sha256"].combine_chunks())
    rank = np.argsort(np.argsort(shas.dictionary.to_pylist()))
    return np.lexsort((table["row"].to_numpy(), rank[shas.indices.to_numpy()]))


def _occurrence(words: U64, order: I64) -> I64:
    """How many rows with the same words come before each row, in the order of their sources."""
    ranked = words[order]
    group = np.lexsort((ranked[:, 1], ranked[:, 0]))
    same = np.zeros(len(words), dtype=np.bool_)
    same[1:] = (np.diff(ranked[group], axis=0) == 0).all(axis=1)
    starts = np.flatnonzero(~same)
    lengths = np.diff(np.append(starts, len(words)))
    within = np.arange(len(words)) - np.repeat(starts, lengths)
    occurrence = np.empty(len(words), dtype=np.int64)
    occurrence[order[group]] = within
    return occurrence


def _bonds(policy: Policy, table: pa.Table, identity: U64) -> U64:
    with np.errstate(over="ignore"):
        bonds = [table["bond"].to_numpy()]
        content = bond_words(np.stack([table["word0"].to_numpy(), table["word1"].to_numpy()], axis=1))
        if not np.array_equal(content, bonds[0]):
            # What `ignore`, `key` and `group` leave out may be edited; a row must still be known by its whole content.
            bonds.append(content)
        if policy.key:
            bonds.append(mix(identity[:, 0] ^ word_of("key")))
        if policy.split.group:
            group = table["group"].to_numpy()
            # A row without a group stands for itself: its second bond is its first.
            bonds.append(np.where(group == 0, bonds[0], mix(group ^ word_of("group", policy.split.group))))
    return np.stack(bonds, axis=1)
