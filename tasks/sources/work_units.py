"""Distributing objects to workers so that one more object changes one group only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from augmill.tasks.sources.source_contract import SourceObject, Unit

# Opening a file costs about as much as reading this many bytes of it.
_OPENING_BYTES = 16 * 2**10
_SMALLEST = 0.25


def grouped(kind: str, objects: Sequence[SourceObject], unit_bytes: int) -> list[Unit]:
    """Units of `unit_bytes` on average; an object of at least that size is its own unit."""
    return [Unit(kind, tuple(group)) for group in groups(objects, unit_bytes)]


def groups(objects: Iterable[SourceObject], unit_bytes: int) -> list[list[SourceObject]]:
    """Cut the objects, in order of name, after those whose name's hash says so, but not before a quarter of a unit.

    A name's hash, in [0, 1), is compared with the object's share of a unit. So each cut depends on one object, and
    groups do not shift when an object is added or removed: at most the neighbouring group changes too.
    """
    object_groups: list[list[SourceObject]] = []
    size, is_closed = 0, True
    for source in sorted(objects, key=lambda source: source.name):
        weight = source.bytes + _OPENING_BYTES
        if is_closed or weight >= unit_bytes:
            object_groups.append([])
            size = 0
        object_groups[-1].append(source)
        size += weight
        share = weight / ((1 - _SMALLEST) * unit_bytes)
        is_closed = size >= _SMALLEST * unit_bytes and _unit_interval(source.name) < share
    return object_groups


def _unit_interval(name: str) -> float:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") / 2.0**64
