"""Rows that did not pass, kept with the reason in the dataset's quarantine table before anything is published."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from augmill.expectations.detector import mask
from augmill.expectations.names import NO_PERSONAL_DATA
from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.rows.provenance import PAYLOAD_TYPE, SAMPLE_ID, SOURCE, SPLIT
from augmill.tasks.runners.shard import retried
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import ValidationResult
from augmill.tasks.storage import quarantine_table
from augmill.tasks.storage.store import Store


@dataclass(frozen=True)
class Refused:
    """A valid row that no split can take."""

    raw: str
    position: int
    reason: str


def keep_invalid(ctx: Context, valid: ValidationResult, at_ms: int) -> int:
    """Append the rows that failed the suite; each shard once, however often it is judged. Returns their number."""
    parts = {
        shard.name: ctx.work.read_table(f"{shard.name}.quarantine.parquet")
        for shard in valid.shards
        if shard.quarantined
    }
    append(ctx, parts, at_ms)
    return valid.quarantined


def keep_refused(ctx: Context, refused: Sequence[Refused], at_ms: int) -> None:
    """Append the rows that no split can take."""
    parts = {}
    for raw, rows in groupby(sorted(refused, key=lambda row: (row.raw, row.position)), key=lambda row: row.raw):
        reasons = {row.position: [row.reason] for row in rows}
        table = quarantine_rows(ctx.work.read_table(f"{raw}.parquet"), reasons, "split")
        parts[f"split/{hash_of(raw, sorted(reasons.items()))}"] = table
    append(ctx, parts, at_ms)


def store_of(ctx: Context) -> Store:
    """The quarantine table's folder, beside the dataset's own."""
    return Store(ctx.lake).sub(f"{ctx.policy.dataset}.quarantine")


def append(ctx: Context, parts: Mapping[str, pa.Table], at_ms: int) -> None:
    """Add rows to the quarantine table in one commit, keyed by shard; what is there already is not added again."""
    store = store_of(ctx)

    def commit() -> None:
        files = [quarantine_table.write(store, name.replace("/", "-"), rows) for name, rows in parts.items()]
        quarantine_table.commit(store, files, {"augmill.dataset": ctx.policy.dataset}, at_ms=at_ms)

    if parts and ctx.scratch is None:  # a dry run quarantines nothing
        retried(commit)


def quarantine_rows(rows: pa.Table, reasons: Mapping[int, Sequence[str]], stage: str) -> pa.Table:
    """Failing rows as the quarantine table keeps them: where from, why, and what they held.

    Rows that fail for personal data are kept with tokens in its place: the source has the rest.
    """
    positions = sorted(reasons)
    picked = rows.take(pa.array(positions, pa.int64()))
    source = picked[SOURCE].to_pylist()
    payload = next((field.name for field in rows.schema if field.type == PAYLOAD_TYPE), None)
    pictures = picked[payload].to_pylist() if payload else [None] * len(positions)
    plain = picked.select([field.name for field in picked.schema if is_plain(field)])
    return pa.table(
        {
            "stage": pa.array([stage] * len(positions), pa.string()),
            "object": pa.array([item["object"] for item in source], pa.string()),
            "row": pa.array([item["row"] for item in source], pa.int64()),
            "sample_id": pa.nulls(len(positions), pa.string()),
            "reasons": pa.array([list(reasons[at]) for at in positions], pa.list_(pa.string())),
            "content": pa.array(
                [_content(row, reasons[at]) for row, at in zip(plain.to_pylist(), positions, strict=True)], pa.string()
            ),
            "payload": pa.array([item["bytes"] if item else None for item in pictures], pa.binary()),
        }
    )


def _content(row: Mapping[str, Any], reasons: Sequence[str]) -> str:
    if any(name in reason for reason in reasons for name in NO_PERSONAL_DATA):
        row = {name: mask(value) if isinstance(value, str) else value for name, value in row.items()}
    return json.dumps(row, default=str)


def fault_rows(faults: pa.Table) -> pa.Table:
    """Lines that were no rows, as the quarantine table keeps them."""
    return pa.table(
        {
            "stage": pa.array(["ingest"] * faults.num_rows, pa.string()),
            "object": faults["object_name"],
            "row": faults["row"],
            "sample_id": pa.nulls(faults.num_rows, pa.string()),
            "reasons": pa.array([[reason] for reason in faults["reason"].to_pylist()], pa.list_(pa.string())),
            "content": faults["text"],
            "payload": pa.nulls(faults.num_rows, pa.binary()),
        }
    )


def is_plain(field: pa.Field) -> bool:
    """Whether a column can be shown and judged as it is: neither a payload nor one of ours."""
    return field.name not in (SOURCE, SPLIT) and field.type != PAYLOAD_TYPE and not pa.types.is_binary(field.type)


def rejected_rows(rows: pa.Table, shard: str, reasons: Mapping[str, str]) -> pa.Table:
    """Children that did not pass, as the quarantine table keeps them; `reasons` by sample id."""
    count = rows.num_rows
    payload = next((field.name for field in rows.schema if field.type == PAYLOAD_TYPE), None)
    plain = rows.select([field.name for field in rows.schema if is_plain(field)])
    return pa.table(
        {
            "stage": pa.repeat("check", count),
            "object": pa.repeat(shard, count),
            "row": pa.array(range(count), pa.int64()),
            "sample_id": rows[SAMPLE_ID],
            "reasons": pa.array([[reasons[name]] for name in rows[SAMPLE_ID].to_pylist()], pa.list_(pa.string())),
            "content": pa.array([json.dumps(row, default=str) for row in plain.to_pylist()], pa.string()),
            "payload": pc.struct_field(rows[payload], "bytes") if payload else pa.nulls(count, pa.binary()),
        }
    )
