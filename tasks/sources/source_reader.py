"""The interface to all sources: find the objects, distribute them to units, scan them, read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType

from augmill.policies.schema import Policy
from augmill.tasks.sources.chunks import ReadOptions, rechunk
from augmill.tasks.sources.formats import FORMATS
from augmill.tasks.sources.pii_treatment import UNTREATED, Treatment
from augmill.tasks.sources.schema_drift import Drift, drift, gaps, types_of
from augmill.tasks.sources.source_contract import Chunk, Scan, SourceListing, Unit
from augmill.tasks.sources.source_objects import discover

__all__ = ["Drift", "discover", "drift", "gaps", "read", "scan", "types_of", "units"]

_MODULES = {name: f"augmill.tasks.sources.from_{name}" for name in FORMATS}


def units(listing: SourceListing, policy: Policy, unit_bytes: int) -> list[Unit]:
    """Distribute the objects to units of about `unit_bytes`, such that one more object changes one unit."""
    work_units: list[Unit] = _format(listing.format).units(listing, policy, unit_bytes)
    return work_units


def scan(unit: Unit, policy: Policy, treatment: Treatment = UNTREATED) -> Scan:
    """Scan every value of a unit, without storing rows. The columns are those after treatment."""
    return treatment.scanned(_format(unit.format).scan(unit, policy))


def read(
    unit: Unit,
    types: Mapping[str, str],
    policy: Policy,
    shard_rows: int,
    shard_bytes: int,
    treatment: Treatment = UNTREATED,
) -> Iterator[Chunk]:
    """The treated rows of a unit in these types, in chunks of `shard_rows` rows or about `shard_bytes` bytes."""
    options = ReadOptions(types, policy, shard_rows, shard_bytes, treatment)
    return rechunk(_format(unit.format).read(unit, options), shard_rows, shard_bytes)


def _format(name: str) -> ModuleType:
    return import_module(_MODULES[name])


UNIT_BYTES = 64 << 20


FEW_FILES = 256


PICTURES = ("image_folder", "manifest")


def units_of(policy: Policy, listing: SourceListing) -> list[Unit]:
    """The units of work: one per file of rows if there are few, so that a new file adds one unit; many share units."""
    alone = listing.format not in PICTURES and len(listing.objects) <= FEW_FILES
    return units(listing, policy, 1 if alone else UNIT_BYTES)
