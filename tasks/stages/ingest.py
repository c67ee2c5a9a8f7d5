"""Ingest: read the raw objects once, in bounded batches, into typed shards that remember where each row was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import pyarrow as pa

from augmill.policies.errors import DataError
from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.rows.provenance import refuse_clashes
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.components import modality_of
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import IngestResult, RawShard
from augmill.tasks.runs.erasure_list import Part, hits, lines_without, without
from augmill.tasks.runs.map_shards import map_shards
from augmill.tasks.runs.run import Run
from augmill.tasks.sources.source_contract import Scan, SourceListing, Unit
from augmill.tasks.sources.source_reader import gaps, read, scan, types_of, units_of

FAULT_COLUMNS = ("object_name", "sha256", "row", "reason", "text")


@dataclass(frozen=True)
class UnitItem:
    """One unit to read, with the types its own columns shall have."""

    unit: Unit
    types: dict[str, str]

    @property
    def name(self) -> str:
        """What messages call this piece of work."""
        return self.unit.objects[0].name


def ingest(run: Run) -> IngestResult:
    """Read the raw objects once, in bounded batches, into typed shards."""
    with run.stage("ingest") as figures:
        raw = read_source(run.ctx, run.runner, run.request.listing, run.request.expected_types)
        figures["rows"] = sum(shard.rows for shard in raw.shards)
        return raw


def read_source(
    ctx: Context, runner: Runner, listing: SourceListing, expected: dict[str, str] | None = None
) -> IngestResult:
    """Scan every unit for its types, settle one type per column, then read every unit into shards.

    `expected` types (of the suite, or of the version before) win: a value that does not fit is a faulty row.
    """
    work = units_of(ctx.policy, listing)
    scans = map_shards(runner, "scan", partial(scan_unit, ctx), work, weight=lambda unit: unit.bytes, unit="bytes")
    _refuse_untreated(ctx, listing, scans)
    # What a treated column was before, or a suite still calls it, says nothing of its tokens and hashes.
    types = types_of(scans, {name: ctx.treatment.type_of(name, kind) for name, kind in (expected or {}).items()})
    refuse_clashes(types)
    items = [
        UnitItem(unit, {name: types[name] for name in scanned.columns})
        for unit, scanned in zip(work, scans, strict=True)
    ]
    parts = map_shards(
        runner, "ingest", partial(ingest_unit, ctx), items, weight=lambda item: item.unit.bytes, unit="bytes"
    )
    shards = tuple(shard for part in parts for shard in part)
    if not any(shard.rows or shard.faults for shard in shards):
        raise DataError("the source holds no row", "Check source.uri; a header alone is not enough.")
    return IngestResult(shards, types, gaps(zip(work, scans, strict=True), types))


def scan_unit(ctx: Context, unit: Unit) -> Scan:
    """Worker: look at all values of one unit for its columns' types; remembered by the unit's content."""
    name = f"scan/{hash_of(ctx.code_version(scan_unit), unit.key(), list(ctx.policy.source.missing), _asked(ctx))}"
    return Scan(**ctx.once_json(name, lambda: asdict(scan(unit, ctx.policy, ctx.treatment))))


def ingest_unit(ctx: Context, item: UnitItem) -> list[RawShard]:
    """Worker: read one unit into shards; the list of its shards is written last, so it says that all exist."""
    rows = ctx.shard_rows or modality_of(ctx).SHARD_ROWS
    settings = [*_asked(ctx), *ctx.treatment.identity]
    source = [ctx.code_version(ingest_unit), item.unit.key(), item.types, list(ctx.policy.source.missing)]
    identity = [*source, settings, rows, ctx.shard_bytes]
    plain = hash_of(*identity)
    matches = hits(ctx, plain, lambda: _parts(ctx, item, plain, rows))
    name = hash_of(*identity, matches.digest) if matches.entries else plain

    def make() -> list[dict[str, object]]:
        shards = []
        chunks = read(item.unit, item.types, ctx.policy, rows, ctx.shard_bytes, ctx.treatment)
        for number, chunk in enumerate(chunks):
            shard = f"raw/{name}-{number:05d}"
            table = without(ctx, chunk.table, matches.entries)[0] if matches.entries else chunk.table
            bad = lines_without(ctx, chunk.faults, matches.entries) if matches.entries else chunk.faults
            written = ctx.work.write_table(f"{shard}.parquet", table)
            if bad:
                faults = pa.Table.from_pylist([asdict(fault) for fault in bad])
                ctx.work.write_table(f"{shard}.faults.parquet", faults)
            columns = {field.name: str(field.type) for field in table.schema}
            described = RawShard(shard, table.num_rows, written.bytes, len(bad), columns)
            shards.append(described.to_json())
        return shards

    return [RawShard.from_json(document) for document in ctx.once_json(f"raw/{name}", make)]


def _parts(ctx: Context, item: UnitItem, name: str, rows: int) -> Iterator[Part]:
    """Rows and faulty lines of a unit, from the shards made of it when nothing was forgotten, or from the source."""
    if ctx.work.exists(f"raw/{name}.json"):
        for described in json.loads(ctx.work.read(f"raw/{name}.json")):
            shard = described["name"]
            faults = ctx.work.read_table(f"{shard}.faults.parquet", ["text"]) if described["faults"] else None
            yield ctx.work.read_table(f"{shard}.parquet"), faults["text"].to_pylist() if faults else []
    else:
        for chunk in read(item.unit, item.types, ctx.policy, rows, ctx.shard_bytes, ctx.treatment):
            yield chunk.table, [fault.text for fault in chunk.faults]


def _asked(ctx: Context) -> list[object]:
    columns, pii = ctx.policy.columns, ctx.policy.source.pii
    return [ctx.policy.modality, ctx.policy.label, columns.model_dump(mode="json") if columns else None, dict(pii)]


def _refuse_untreated(ctx: Context, listing: SourceListing, scans: Sequence[Scan]) -> None:
    """Raise DataError where a column to be treated is not there: misspelt, it would be published as it is."""
    if ctx.treatment.columns and listing.format == "image_folder":
        raise DataError(
            "source.pii treats columns, and pictures in folders have none",
            "Rename folders and files that name people: their names are in every row's source.",
        )
    treated = {name for scanned_unit in scans for name in scanned_unit.treated}
    absent = [name for name in ctx.treatment.columns if name not in treated]
    if absent and any(scanned_unit.rows for scanned_unit in scans):
        columns = [name for scanned_unit in scans for name in scanned_unit.columns]
        raise DataError(
            f"the source has no such column: {', '.join(f'source.pii: {name!r}' for name in absent)}",
            f"Name one of its columns: {', '.join(dict.fromkeys(columns))}.",
        )
