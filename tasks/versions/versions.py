"""Published versions by name: `DATASET`, `DATASET@12` or `DATASET@stable`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from augmill.policies.errors import PolicyError
from augmill.tasks.pages.data_card import write_beside_export
from augmill.tasks.rows.provenance import ORIGIN, SPLIT
from augmill.tasks.runs.context import OBJECTS, REGISTER
from augmill.tasks.runs.manifest import Published, published
from augmill.tasks.runs.request import record_name
from augmill.tasks.storage import channels, json_objects, pins, tombstones
from augmill.tasks.storage.delta import Table
from augmill.tasks.storage.pins import Pin
from augmill.tasks.storage.store import Store
from augmill.tasks.storage.tombstones import Gone


@dataclass(frozen=True)
class Lake:
    """Everything that was ever published under one URI."""

    store: Store

    def datasets(self) -> list[str]:
        """Names of the datasets with at least one version, sorted."""
        names = [entry.name.removeprefix(f"{REGISTER}/") for entry in self.store.sub(OBJECTS).list(f"{REGISTER}/")]
        # Somebody may have removed a table's folder by hand; the other datasets must still be found.
        return [name for name in names if Table(self.store.sub(name)).versions()]

    def find(self, reference: str) -> Published:
        """The version that `DATASET`, `DATASET@N` or `DATASET@CHANNEL` names. Raises PolicyError if there is none."""
        dataset, separator, at = reference.partition("@")
        if separator and not at:  # an unset shell variable must not mean the latest version
            raise PolicyError(f"{reference!r} names no version", f"Name one after the @, or leave it out: {dataset}.")
        table, objects = self.store.sub(dataset), self.objects(dataset)
        if not Table(table).versions():
            dataset_names = ", ".join(self.datasets()) or "none yet"
            raise PolicyError(
                f"there is no dataset {dataset!r} in {self.store.uri}", f"Published datasets: {dataset_names}."
            )
        version = None if at == "" else self._version(dataset, at)
        published_version = published(table, objects, version)
        if published_version is None:
            raise PolicyError(f"{dataset} has no version", "Run its policy first.")
        return published_version

    def versions(self, dataset: str) -> int:
        """How many versions a dataset has."""
        return len(Table(self.store.sub(dataset)).versions())

    def objects(self, dataset: str) -> Store:
        """The project's own objects of one dataset."""
        return self.store.sub(OBJECTS, dataset)

    def channels(self, dataset: str) -> dict[str, int]:
        """Which version each channel points to."""
        store = self.objects(dataset).sub("channels")
        return {name: move.version for name in channels.channels(store) if (move := channels.current(store, name))}

    def pins(self, dataset: str) -> dict[int, Pin]:
        """Every version that is pinned."""
        return pins.pins(self.objects(dataset).sub("pins"))

    def tombstones(self, dataset: str) -> dict[int, Gone]:
        """Tombstones by version: the versions that cannot be read any more, and why."""
        return tombstones.gone(self.objects(dataset).sub("gone"))

    def readable(self, reference: str) -> Published:
        """The same as `find`, but raises DataError if vacuum or a purge has removed the version's files."""
        published_version = self.find(reference)
        self.refuse_removed(published_version)
        return published_version

    def refuse_removed(self, published_version: Published) -> None:
        """Raise DataError with the reason if vacuum or a purge has removed a version."""
        dataset, removed = published_version.manifest.dataset, self.tombstones(published_version.manifest.dataset)
        if published_version.version in removed:
            readable = sorted(set(Table(self.store.sub(dataset)).versions()) - removed.keys())
            tombstones.refuse(
                dataset, published_version.version, removed, f"Versions to read: {', '.join(map(str, readable))}."
            )

    def record(self, dataset: str, version: int) -> dict[str, Any]:
        """The record of a version; empty if it was lost."""
        objects = self.objects(dataset)
        name = record_name(version)
        return json_objects.document(objects, name) if objects.exists(name) else {}

    def _version(self, dataset: str, at: str) -> int:
        if at.isdecimal():
            return int(at)
        pointers = self.channels(dataset)
        if at not in pointers:
            channel_names = ", ".join(sorted(pointers)) or "none"
            raise PolicyError(
                f"{dataset} has no channel {at!r}",
                f"Its channels: {channel_names}. A version is a number, as in {dataset}@0.",
            )
        return pointers[at]


def export(lake: Lake, published_version: Published, folder: Path) -> Iterator[Path]:
    """Write a version as plain Parquet, one file per split and origin, all columns inside, with its card and its
    Croissant file; yields the paths.

    Raises PolicyError if the folder holds anything: an export never mixes with other files.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PolicyError(f"{folder} is not an empty folder", "Name a folder that does not exist yet.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise PolicyError(f"{folder} cannot be made: {fault.strerror}", "Name a folder elsewhere.") from fault
    table = Table(lake.store.sub(published_version.manifest.dataset))
    schema, files = published_version.snapshot.schema, []
    for split, origin in sorted(
        {(file.partition[SPLIT], file.partition[ORIGIN]) for file in published_version.snapshot.files}
    ):
        path = folder / f"{split}-{origin}.parquet"
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in table.read(published_version.version, split=split, origin=origin):
                writer.write_table(pa.Table.from_batches([batch]))
        files.append(path)
        yield path
    yield from write_beside_export(table.store, published_version, folder, files)
