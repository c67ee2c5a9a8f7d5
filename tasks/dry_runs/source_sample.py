"""A small sample of a source, as one raw shard: every class and split in proportion, rare ones with rows enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.rows.provenance import SOURCE, SPLIT
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import IngestResult, RawShard
from augmill.tasks.runs.row_index import label_text
from augmill.tasks.stages.production_sample import words_of_places
from augmill.tasks.stages.validate import with_columns

MOST_ROWS = 2_000
FEWEST_ROWS = 100
"""Of a class and split, where there are as many: 70 for training, which a verifier judges at an alpha of 0.015."""
MOST_BYTES = 256 << 20
MOST_STRATA = 200

I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """The chosen rows and, of `of` rows in all, how many they are. `strata_left`: classes of which none was taken."""

    raw: IngestResult
    rows: int
    of: int
    strata_left: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether nothing was left out: then what is found is no estimate."""
        return self.rows == self.of


def sample(ctx: Context, raw: IngestResult, target: Context) -> Sample:
    """Choose rows of the raw shards that `ctx` knows, and write them as one shard where `target` works.

    Which rows they are hangs on their content's place in the source, not on shards, workers or order.
    """
    shards = [shard for shard in raw.shards if shard.rows]
    of = sum(shard.rows for shard in shards)
    strata, words, sizes = [], [], []
    for shard in shards:
        rows = with_columns(ctx.work.read_table(f"{shard.name}.parquet", _wanted(ctx, shard)), _absent(ctx, raw, shard))
        strata.append(_strata(ctx, rows))
        words.append(words_of_places(rows, "canary"))
        sizes.append(rows.num_rows)
    chosen, strata_left = _choose(np.concatenate(strata), np.concatenate(words), _most(shards, of))
    if len(chosen) == of:
        return Sample(_as_they_are(ctx, raw, target), of, of)
    starts = np.cumsum([0, *sizes])
    parts = []
    for number, shard in enumerate(shards):
        positions = chosen[(chosen >= starts[number]) & (chosen < starts[number + 1])] - starts[number]
        if len(positions):
            parts.append(ctx.work.read_table(f"{shard.name}.parquet").take(pa.array(positions)))
    table = pa.concat_tables(parts, promote_options="default").combine_chunks()
    name = f"raw/{hash_of('sample', [shard.name for shard in shards], chosen.tolist())}-00000"
    written = target.work.write_table(f"{name}.parquet", table)
    columns = {field.name: str(field.type) for field in table.schema}
    described = RawShard(name, table.num_rows, written.bytes, 0, columns)
    return Sample(IngestResult((described,), raw.types), table.num_rows, of, strata_left)


def _as_they_are(ctx: Context, raw: IngestResult, target: Context) -> IngestResult:
    """All rows, under the names they have."""
    for shard in raw.shards:
        for name in (f"{shard.name}.parquet", *([f"{shard.name}.faults.parquet"] if shard.faults else [])):
            if not target.work.exists(name):
                target.work.write(name, ctx.work.read(name))
    return raw


def _wanted(ctx: Context, shard: RawShard) -> list[str]:
    return [name for name in (*_deciding(ctx), SOURCE) if name in shard.columns]


def _deciding(ctx: Context) -> list[str]:
    policy = ctx.policy
    return [name for name in (policy.label, policy.split.column, SPLIT) if name is not None]


def _absent(ctx: Context, raw: IngestResult, shard: RawShard) -> Mapping[str, str]:
    return {name: raw.types[name] for name in _deciding(ctx) if name in raw.types and name not in shard.columns}


def _strata(ctx: Context, rows: pa.Table) -> NDArray[np.str_]:
    """One text per row: its class and, where the source says it, its split."""
    texts = [
        label_text(rows, ctx.policy.label).fill_null(""),
        *(
            pc.cast(rows[name].combine_chunks(), pa.string()).fill_null("")
            for name in _deciding(ctx)[1 if ctx.policy.label else 0 :]
            if name in rows.column_names
        ),
    ]
    return np.asarray(pc.binary_join_element_wise(*texts, "\x1f").to_numpy(zero_copy_only=False), dtype=np.str_)


def _most(shards: list[RawShard], of: int) -> int:
    """How many rows the sample may have, given how heavy they are."""
    heavy = sum(shard.bytes for shard in shards) / of
    return int(min(MOST_ROWS, max(FEWEST_ROWS, MOST_BYTES // max(1.0, heavy))))


def _choose(strata: NDArray[np.str_], words: NDArray[np.uint64], most: int) -> tuple[I64, int]:
    """Positions of the chosen rows, in order, and how many strata are left out because there are so very many."""
    names, codes, counts = np.unique(strata, return_inverse=True, return_counts=True)
    order = np.lexsort((words, codes))
    fewest = max(1, min(FEWEST_ROWS, most // min(len(names), MOST_STRATA)))
    quotas = np.minimum(counts, np.maximum(fewest, np.ceil(most * counts / len(strata)).astype(np.int64)))
    small = np.argsort(-counts, kind="stable")[MOST_STRATA:]
    quotas[small] = 0
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    taken = [order[start : start + quota] for start, quota in zip(starts, quotas, strict=True)]
    return np.sort(np.concatenate(taken)).astype(np.int64), len(small)
