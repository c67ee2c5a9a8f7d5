"""The door to all sources: find the objects, share them out, look at them, read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType

from augmill.policies.schema import Policy
from augmill.tasks.sources.chunks import Wanted, rechunk
from augmill.tasks.sources.formats import FORMATS
from augmill.tasks.sources.pii_treatment import UNTREATED, Treatment
from augmill.tasks.sources.schema_drift import Drift, drift, gaps, types_of
from augmill.tasks.sources.source_contract import Chunk, Scan, SourceListing, Unit
from augmill.tasks.sources.source_objects import discover

__all__ = ["Drift", "discover", "drift", "gaps", "read", "scan", "types_of", "units"]

_MODULES = {name: f"augmill.tasks.sources.from_{name}" for name in FORMATS}


def units(found: SourceListing, policy: Policy, unit_bytes: int) -> list[Unit]:
    """Share the objects out in units of about `unit_bytes`, such that one more object changes one unit."""
    made: list[Unit] = _format(found.format).units(found, policy, unit_bytes)
    return made


def scan(unit: Unit, policy: Policy, treatment: Treatment = UNTREATED) -> Scan:
    """Look at every value of a unit; rows are not kept. Columns are as they will be after treatment."""
    return treatment.scanned(_format(unit.format).scan(unit, policy))


def read(
    unit: Unit,
    types: Mapping[str, str],
    policy: Policy,
    shard_rows: int,
    shard_bytes: int,
    treatment: Treatment = UNTREATED,
) -> Iterator[Chunk]:
    """The rows of a unit in the types given, in chunks of `shard_rows` rows or about `shard_bytes` bytes, treated."""
    wanted = Wanted(types, policy, shard_rows, shard_bytes, treatment)
    return rechunk(_format(unit.format).read(unit, wanted), shard_rows, shard_bytes)


def _format(name: str) -> ModuleType:
    return import_module(_MODULES[name])


UNIT_BYTES = 64 << 20


FEW_FILES = 256


PICTURES = ("image_folder", "manifest")


def units_of(policy: Policy, found: SourceListing) -> list[Unit]:
    """The units of work. Few files of rows are one each, so that a new one costs only itself; many share units."""
    alone = found.format not in PICTURES and len(found.objects) <= FEW_FILES
    return units(found, policy, 1 if alone else UNIT_BYTES)
