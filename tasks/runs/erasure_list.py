"""The list of what a data set must forget, and how a run keeps to it: such rows are dropped before a shard is written.

The list is a folder of entries, `forgotten/00000001.json` and so on, each created only if its number is free; none
is ever removed. Every run reads it when it looks at its policy. Of each unit of the source, a run remembers which
entries name a row of it; a unit that holds none keeps its shards, so forgetting costs what is touched.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from augmill.policies.errors import StorageError
from augmill.tasks.rows.erasure_digests import Rule, matches, mentions
from augmill.tasks.rows.hashing import digest_of, hash_of
from augmill.tasks.rows.provenance import NAMES
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import ValidShard
from augmill.tasks.sources.source_contract import Fault
from augmill.tasks.storage.delta_schema import storable
from augmill.tasks.storage.error_mapping import redact
from augmill.tasks.storage.store import Store

FOLDER = "forgotten"
SALT = f"{FOLDER}/salt"
_DIGITS = 8

Part = tuple[pa.Table, Sequence[str]]
"""Rows of a source, and lines of it that are no rows."""


@dataclass(frozen=True)
class Listed:
    """The entries of a list, read: rules by entry, and the salt of their digests."""

    salt: bytes
    rules: Mapping[str, tuple[Rule, ...]]


def entries(objects: Store) -> tuple[str, ...]:
    """The numbers of all entries, in order."""
    names = (entry.name.removeprefix(f"{FOLDER}/").removesuffix(".json") for entry in objects.list(f"{FOLDER}/"))
    return tuple(name for name in names if name.isdecimal())


def salt_of(objects: Store) -> bytes:
    """The data set's own salt, drawn when it is first needed."""
    if not objects.exists(SALT):
        objects.create(SALT, secrets.token_hex(32).encode())
    return bytes.fromhex(objects.read(SALT).decode())


def add(objects: Store, rules: Iterable[Rule], about: Mapping[str, Any]) -> str:
    """Put an entry on the list for good; returns its number."""
    document = {**about, "rules": [rule.to_json() for rule in rules]}
    data = json.dumps(document, sort_keys=True).encode()
    while True:
        name = f"{int((entries(objects) or ('0',))[-1]) + 1:0{_DIGITS}d}"
        if objects.create(f"{FOLDER}/{name}.json", data):
            return name


@lru_cache(maxsize=8)
def listed(objects: Store, names: tuple[str, ...]) -> Listed:
    """Read entries; they never change."""
    rules = {}
    for name in names:
        where = f"{FOLDER}/{name}.json"
        try:
            document = json.loads(objects.read(where))
            rules[name] = tuple(Rule.from_json(rule) for rule in document["rules"])
        except (ValueError, KeyError, TypeError) as fault:
            cause = f"{redact(objects.url(where))} is damaged"
            raise StorageError(cause, "restore it from a backup: without it forgotten rows would come back") from fault
    return Listed(salt_of(objects), rules)


def user_rows(rows: pa.Table) -> pa.Table:
    """The rows without columns of ours, in the types that published rows have: so that both have one digest."""
    return storable(rows.select([name for name in rows.column_names if name not in NAMES]))


@dataclass(frozen=True)
class ErasureMatches:
    """Entries of the list that name something of a unit, and a digest of what they name: part of its shards' name.

    Not the entries: two that name the same rows must not make other shards than one of them.
    """

    entries: tuple[str, ...] = ()
    digest: str = ""


def hits(ctx: Context, name: str, parts: Callable[[], Iterable[Part]]) -> ErasureMatches:
    """What the list names of these parts; remembered under the name of their content."""
    if not ctx.forgotten:
        return ErasureMatches()
    listed_entries = listed(ctx.objects, ctx.forgotten)

    def look() -> list[object]:
        matching_entries: set[str] = set()
        masks: list[np.ndarray[Any, Any]] = []
        for rows, lines in parts():
            plain = user_rows(rows)
            is_forgotten = np.zeros(rows.num_rows + len(lines), dtype=np.bool_)
            for entry, rules in listed_entries.rules.items():
                is_match = np.concatenate(
                    [matches(listed_entries.salt, rules, plain), mentions(listed_entries.salt, rules, lines)]
                )
                matching_entries |= {entry} if is_match.any() else set()
                is_forgotten |= is_match.astype(np.bool_)
            masks.append(is_forgotten)
        return [sorted(matching_entries), digest_of(*masks) if matching_entries else ""]

    entries, digest = ctx.once_json(f"forgotten/{hash_of(name, ctx.forgotten)}", look)
    return ErasureMatches(tuple(entries), digest)


def without(ctx: Context, rows: pa.Table, entries_to_apply: Iterable[str]) -> tuple[pa.Table, np.ndarray[Any, Any]]:
    """The rows that no entry in `entries_to_apply` names, and their positions before."""
    listed_entries = listed(ctx.objects, ctx.forgotten)
    rules = [rule for entry in entries_to_apply for rule in listed_entries.rules[entry]]
    positions = np.flatnonzero(~matches(listed_entries.salt, rules, user_rows(rows)))
    return rows.take(pa.array(positions)), positions


def lines_without(ctx: Context, faults: Sequence[Fault], entries_to_apply: Iterable[str]) -> list[Fault]:
    """Lines that are no rows, but for those in which an entry in `entries_to_apply` finds a value."""
    listed_entries = listed(ctx.objects, ctx.forgotten)
    rules = [rule for entry in entries_to_apply for rule in listed_entries.rules[entry]]
    is_forgotten = mentions(listed_entries.salt, rules, [fault.text for fault in faults])
    return [fault for fault, mentioned in zip(faults, is_forgotten, strict=True) if not mentioned]


def kept(ctx: Context, shard: ValidShard) -> ValidShard:
    """In append mode, a shard of an earlier version without the rows that have been forgotten since."""
    matches_of_shard = hits(ctx, shard.raw, lambda: [(ctx.work.read_table(f"{shard.raw}.parquet"), [])])
    if not matches_of_shard.entries:
        return shard
    name = hash_of(shard.name, matches_of_shard.digest)

    def make() -> ValidShard:
        rows, positions = without(ctx, ctx.work.read_table(f"{shard.raw}.parquet"), matches_of_shard.entries)
        ctx.work.write_table(f"raw/{name}.parquet", rows)
        index = ctx.work.read_table(f"{shard.name}.parquet")
        old = index["position"].to_numpy()
        at = np.minimum(np.searchsorted(positions, old), max(len(positions) - 1, 0))
        stays = positions[at] == old if len(positions) else np.zeros(len(old), dtype=np.bool_)
        remaining = index.filter(pa.array(stays))
        column = pa.array(at[stays], remaining["position"].type)
        place = remaining.column_names.index("position")
        ctx.work.write_table(f"valid/{name}.parquet", remaining.set_column(place, "position", column))
        # What failed in it is in quarantine since it was read; it is not judged again.
        return ValidShard(f"valid/{name}", f"raw/{name}", remaining.num_rows, 0)

    return ctx.once(ValidShard, f"valid/{name}", make)
