"""Split: give every valid row its id and its split for ever, and write the real rows as files of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.policies.errors import DataError
from augmill.policies.schema import SPLITS, Policy
from augmill.tasks.rows.hashing import digest_of, hash_of
from augmill.tasks.rows.identity import ids_of
from augmill.tasks.rows.provenance import DEPTH, FIELDS, ORIGIN, REAL, RECIPE_HASH, SAMPLE_ID, SOURCE, SPLIT
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs import erasure_list
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import DataFile, PlacedShard, ValidationResult, ValidShard
from augmill.tasks.runs.manifest import Published
from augmill.tasks.runs.map_shards import map_shards
from augmill.tasks.runs.request import RunRequest
from augmill.tasks.runs.row_index import Rows, label_text
from augmill.tasks.runs.run import Run
from augmill.tasks.sources.source_contract import SourceListing
from augmill.tasks.splits.assign import LEAK, Ledger, assign, extended
from augmill.tasks.splits.ledger import load, write_segment
from augmill.tasks.stages.quarantine_rows import Refused, keep_refused
from augmill.tasks.stages.validate import refuse_over_budget
from augmill.tasks.storage.delta_schema import storable

REPEATED_KEY = "its key is not unique: another row of the source has the same one"
NO_SPLIT = "the source names no split for it: train, validation or test"


@dataclass(frozen=True)
class Placement:
    """Where every row goes: one object per raw shard, the ledger's new segment, the rows refused."""

    shards: tuple[PlacedShard, ...]
    refused: tuple[Refused, ...]
    bonds: NDArray[np.uint64]
    splits: NDArray[np.int8]


@dataclass(frozen=True)
class PlacementPlan:
    """Where every row goes, the valid shards they are from, and the segments of the ledger that decided."""

    placed: Placement
    valid: tuple[ValidShard, ...]
    ledger: tuple[str, ...]


@dataclass(frozen=True)
class RealRows:
    """The real rows of the version to be: their files, the shards they came from, the ledger that binds them.

    `lost` rows are in quarantine instead, `quarantined` and `refused` say for which reasons.
    """

    files: tuple[DataFile, ...]
    valid: tuple[ValidShard, ...]
    ledger: tuple[str, ...]
    refused: dict[str, int]
    quarantined: dict[str, int]
    lost: int
    types: dict[str, str]


def split(run: Run, valid: ValidationResult) -> RealRows:
    """Place all rows, keep the refused ones in quarantine, and write the others as files of the table."""
    with run.stage("split") as figures:
        placing = place_all(run.ctx, valid, run.request)
        keep_refused(run.ctx, placing.placed.refused, run.at_ms)
        run.require(lambda: refuse_unplaced(run.ctx, valid, placing))
        real = write_real(run.ctx, run.runner, valid, placing)
        figures["rows"] = sum(file.rows for file in real.files)
        return real


def place_all(ctx: Context, valid: ValidationResult, request: RunRequest) -> PlacementPlan:
    """Place the valid rows, and those of earlier versions that the mode keeps, as published rows were placed."""
    before = request.before
    same_salt = before is not None and before.manifest.salt == ctx.policy.split.salt
    segments = before.manifest.ledger if before is not None and same_salt else []
    earlier = _earlier(ctx, valid, before)
    shards = (*valid.shards, *earlier)
    if not any(shard.rows for shard in shards):
        raise DataError("no row is left for training", "Check the source and the suite.")
    placed = place(ctx, shards, load(ctx.objects, segments), _outdated(earlier, request.listing))
    return PlacementPlan(placed, shards, tuple(segments))


def refuse_unplaced(ctx: Context, valid: ValidationResult, placing: PlacementPlan) -> None:
    """Raise DataError where the rows that no split can take, with those that failed before, are over the budget.

    Training copies of held-out rows do not count: they are no fault of a row, and leaving them out mends the set.
    """
    reasons = Counter(row.reason for row in placing.placed.refused if row.reason != LEAK)
    if not reasons:
        return
    failed = valid.quarantined + reasons.total()
    total = valid.quarantined + sum(shard.rows for shard in placing.valid)
    refuse_over_budget(ctx, failed, total, {**valid.reasons, **reasons})


def write_real(ctx: Context, runner: Runner, valid: ValidationResult, placing: PlacementPlan) -> RealRows:
    """Write the placed rows as files of the table, and what is new of the ledger."""
    placed, segments = placing.placed, placing.ledger
    files = seal_all(ctx, runner, placed.shards)
    if len(placed.bonds):
        segments = (*segments, write_segment(ctx.objects, placed.bonds, placed.splits))
    reasons = Counter(row.reason for row in placed.refused)
    return RealRows(
        tuple(files),
        placing.valid,
        segments,
        dict(sorted(reasons.items())),
        valid.reasons,
        valid.quarantined + len(placed.refused),
        valid.types,
    )


def _earlier(ctx: Context, valid: ValidationResult, before: Published | None) -> list[ValidShard]:
    """In append mode, the shards of earlier versions that this run did not read again."""
    if before is None or ctx.policy.source.mode != "append":
        return []
    names = {shard.name for shard in valid.shards}
    earlier = [shard for shard in map(ValidShard.from_json, before.manifest.valid) if shard.name not in names]
    return [erasure_list.kept(ctx, shard) for shard in earlier]


def _outdated(earlier: Sequence[ValidShard], listing: SourceListing) -> Mapping[str, set[str]]:
    """By earlier shard, the objects whose rows it must not bring: the source holds them (again) now."""
    present = {item.name for item in listing.objects}
    return {shard.name: present for shard in earlier}


def place(
    ctx: Context, valid: Sequence[ValidShard], ledger: Ledger, outdated: Mapping[str, set[str]] | None = None
) -> Placement:
    """Assign all rows at once: the only step that must see every row, so it sees words and labels only."""
    tables = [_index(ctx, shard, (outdated or {}).get(shard.name)) for shard in valid]
    rows = Rows.load(ctx.policy, tables)
    given_splits = rows.given if is_given(ctx.policy) or (rows.given >= 0).any() else None
    assigned = assign(
        rows.bonds, rows.codes, given_splits, ledger, ctx.policy.split.fractions or {}, ctx.policy.split.salt
    )
    splits, reasons = assigned.splits.copy(), assigned.reasons
    splits[rows.repeated] = -1
    reasons[rows.repeated] = REPEATED_KEY
    if given_splits is not None:
        reasons[(given_splits < 0) & (splits < 0)] = NO_SPLIT
    ids = ids_of(rows.words)
    shards = tuple(_write_placed(ctx, shard, number, rows, ids, splits) for number, shard in enumerate(valid))
    refused = tuple(
        Refused(valid[rows.shard[at]].raw, int(rows.position[at]), reasons[at]) for at in np.flatnonzero(splits < 0)
    )
    bonds, codes = extended(ledger, rows.bonds, splits)
    return Placement(shards, refused, bonds, codes)


def _index(ctx: Context, shard: ValidShard, outdated: set[str] | None) -> pa.Table:
    table = ctx.work.read_table(f"{shard.name}.parquet")
    if outdated:
        table = table.filter(pc.invert(pc.is_in(table["object"], pa.array(sorted(outdated), pa.string()))))
    return table


def is_given(policy: Policy) -> bool:
    """Whether the source itself says which split a row is in."""
    return policy.split.column is not None or isinstance(policy.source.uri, dict)


def seal_all(ctx: Context, runner: Runner, placed: Sequence[PlacedShard]) -> list[DataFile]:
    """Write the real rows of every shard, split by split, in parallel."""
    items = [(shard, split) for shard in placed for split in SPLITS if shard.rows.get(split)]
    return map_shards(runner, "split", partial(seal, ctx), items, weight=lambda item: item[0].rows[item[1]])


def seal(ctx: Context, item: tuple[PlacedShard, str]) -> DataFile:
    """Write the rows of one shard and split, sorted by id, with full provenance; done once, by content's name."""
    shard, split = item
    code = ctx.code_version(seal)
    name = hash_of("real", code, shard.name, shard.raw, split, ctx.policy.dataset, real_recipe(ctx.policy))

    def make() -> DataFile:
        table = storable(_real_rows(ctx, shard, split))
        path = f"{SPLIT}={split}/{ORIGIN}={REAL}/{name}.parquet"
        written = ctx.table.write_table(path, table.drop_columns([SPLIT, ORIGIN]))
        labels = Counter(label_text(table, ctx.policy.label).to_pylist())
        return DataFile(path, split, REAL, table.num_rows, written.bytes, written.sha256, dict(sorted(labels.items())))

    return ctx.sealed(f"real/{hash_of(name, ctx.policy.label)}", make)


def _write_placed(
    ctx: Context, shard: ValidShard, number: int, rows: Rows, ids: pa.Array, splits: NDArray[np.int8]
) -> PlacedShard:
    start, stop = np.searchsorted(rows.shard, [number, number + 1])
    positions = start + np.flatnonzero(splits[start:stop] >= 0)
    table = pa.table(
        {"position": rows.position[positions], "sample_id": ids.take(pa.array(positions)), "split": splits[positions]}
    ).sort_by("sample_id")
    name = f"placed/{hash_of(shard.raw, digest_of(rows.position[positions], rows.words[positions], splits[positions]))}"
    if not ctx.work.exists(f"{name}.parquet"):
        ctx.work.write_table(f"{name}.parquet", table)
    counts = np.bincount(splits[positions], minlength=len(SPLITS))
    return PlacedShard(name, shard.raw, {split: int(count) for split, count in zip(SPLITS, counts, strict=True)})


def _real_rows(ctx: Context, shard: PlacedShard, split: str) -> pa.Table:
    placed = ctx.work.read_table(f"{shard.name}.parquet")
    placed = placed.filter(pc.equal(placed["split"], SPLITS.index(split)))
    raw = ctx.work.read_table(f"{shard.raw}.parquet").take(placed["position"])
    user = raw.drop_columns([name for name in (SOURCE, SPLIT) if name in raw.column_names])
    provenance = {
        SAMPLE_ID: placed["sample_id"],
        ORIGIN: pa.repeat(REAL, raw.num_rows),
        SPLIT: pa.repeat(split, raw.num_rows),
        DEPTH: pa.repeat(pa.scalar(0, pa.int32()), raw.num_rows),
        RECIPE_HASH: pa.repeat(real_recipe(ctx.policy), raw.num_rows),
        SOURCE: raw[SOURCE],
    }
    return with_provenance(user, provenance)


def real_recipe(policy: Policy) -> str:
    """What made a real row: the rule that placed it in its split, but for the fractions.

    Fractions place new rows only: published rows keep their split, so a change of fractions must not change their
    recipe, which would rewrite their files.
    """
    return hash_of("split", policy.split.model_dump(mode="json", exclude={"fractions"}))


def with_provenance(user: pa.Table, provenance: dict[str, pa.Array | pa.ChunkedArray]) -> pa.Table:
    """User columns, then every provenance column in its fixed order and type; absent ones are null."""
    for field in FIELDS:
        column = provenance.get(field.name)
        values = pa.nulls(user.num_rows, field.type) if column is None else column.cast(field.type)
        user = user.append_column(field, values)
    return user
