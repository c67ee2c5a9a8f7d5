"""Rows as the model meets them in production: found, read and typed by the same sources as the training rows.

They decide nothing but what the drift gate says, so they are never published: a sample of them is kept as work.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.policies.errors import DataError
from augmill.policies.names import did_you_mean
from augmill.tasks.rows.provenance import NAMES, SOURCE
from augmill.tasks.rows.randomness import U64, mix, word_of
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.components import modality_of
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import IngestResult, RawShard
from augmill.tasks.runs.production_source import KEY, _like_source, _told_of_production
from augmill.tasks.sources.source_contract import SourceListing
from augmill.tasks.sources.source_reader import units_of
from augmill.tasks.stages.ingest import read_source, scan_unit
from augmill.tasks.stats.row_sample import MOST_ROWS


def refuse_other_columns(
    ctx: Context, runner: Runner, listing: SourceListing | None, types: dict[str, str], description: str
) -> None:
    """Raise DataError where the production sample lacks a column that features are made of, before rows are made."""
    if listing is not None:
        required = modality_of(ctx).feature_columns(json.loads(ctx.work.read(f"{description}.json")))
        _refuse(required, types, read(ctx, runner, listing, types))


@dataclass(frozen=True)
class ProductionSample:
    """Some rows of the production sample, and which share of all its rows could be read as training rows are."""

    rows: pa.Table
    readable: float = 1.0


def sample(ctx: Context, runner: Runner, listing: SourceListing | None, types: dict[str, str]) -> ProductionSample:
    """Some rows of the production sample, in the types of the training rows; the same in whatever order they lie."""
    if listing is None:
        return ProductionSample(pa.table({}))
    raw = read(ctx, runner, listing, types)
    looked = [_lowest(ctx, shard) for shard in raw.shards if shard.rows]
    rows = pa.concat_tables([part for part, _ in looked], promote_options="default")
    usable, total = sum(count for _, count in looked), sum(shard.rows + shard.faults for shard in raw.shards)
    names = [name for name in rows.column_names if name in NAMES]
    return ProductionSample(_first(rows, words_of_places(rows, "production")).drop_columns(names), usable / total)


def read(ctx: Context, runner: Runner, listing: SourceListing, types: dict[str, str]) -> IngestResult:
    """All rows of the production sample as shards, columns of personal data treated; read once."""
    production_ctx = _production_context(ctx, listing)
    with _told_of_production():
        raw = read_source(production_ctx, runner, listing, types)
    if not any(shard.rows for shard in raw.shards):
        raise DataError(f"no row of the production sample ({KEY}) can be read", "See that its columns have values.")
    return raw


def _production_context(ctx: Context, listing: SourceListing) -> Context:
    """The context to read production in: of the columns to be treated, those that it has."""
    production_ctx = replace(ctx, policy=_like_source(ctx.policy))
    if not ctx.policy.source.pii:
        return production_ctx
    treated = {
        name for unit in units_of(production_ctx.policy, listing) for name in scan_unit(production_ctx, unit).treated
    }
    pii = {name: how for name, how in ctx.policy.source.pii.items() if name in treated}
    source = production_ctx.policy.source.model_copy(update={"pii": pii})
    return replace(production_ctx, policy=production_ctx.policy.model_copy(update={"source": source}))


def _refuse(required: list[str], types: dict[str, str], raw: IngestResult) -> None:
    absent = [name for name in required if name not in raw.types]
    if not absent:
        return
    extra = [name for name in raw.types if name not in types]
    others = f"; it has {', '.join(map(repr, extra))}, which the training rows have not" if extra else ""
    near = did_you_mean(absent[0], extra) if extra else ""
    raise DataError(
        f"the production sample ({KEY}) lacks {', '.join(map(repr, absent))}{others}",
        f"Give it the columns of the source, by the same names. {near}".rstrip(),
        {"missing": absent, "extra": extra},
    )


def _lowest(ctx: Context, shard: RawShard) -> tuple[pa.Table, int]:
    """The shard's part of a sample, and how many of its rows are usable."""
    rows = ctx.work.read_table(f"{shard.name}.parquet")
    usable = pc.is_null(modality_of(ctx).facts(ctx.policy, rows)["fault"])
    rows = rows.filter(usable)
    return _first(rows, words_of_places(rows, "production")), rows.num_rows


def _first(rows: pa.Table, words: U64) -> pa.Table:
    """The rows with the lowest words, in their order."""
    return rows.take(pa.array(np.argsort(words, kind="stable")[:MOST_ROWS]))


def words_of_places(rows: pa.Table, purpose: str) -> U64:
    """A word per row from where it was read - its object's content and its number there - to draw samples by."""
    source = rows[SOURCE].combine_chunks()
    objects = pc.dictionary_encode(pc.struct_field(source, "sha256"))
    object_words = np.array([word_of(purpose, name) for name in objects.dictionary.to_pylist()], dtype=np.uint64)
    number = pc.struct_field(source, "row").to_numpy(zero_copy_only=False).astype(np.uint64)
    return mix(object_words[objects.indices.to_numpy()] ^ mix(number)) if len(number) else np.zeros(0, np.uint64)
