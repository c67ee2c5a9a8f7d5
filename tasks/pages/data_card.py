"""The data card and the Croissant file of a published version, made from its manifest alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq

from augmill.tasks.cards.bundle import CROISSANT, README, card_files, catalogue
from augmill.tasks.cards.file_layout import LaidFile, Layout
from augmill.tasks.documents.service_levels import measure
from augmill.tasks.documents.version_document import VersionDocument
from augmill.tasks.rows.provenance import PARTITIONS
from augmill.tasks.runs.manifest import Published
from augmill.tasks.storage.delta import select
from augmill.tasks.storage.store import Store

TIMED = ("latency_", "cost_")
"""Prefixes of service levels that describe the run, not its rows: they differ between runs with equal results."""


def page_folder(version: int) -> str:
    """The folder of the pages of a version among the dataset's own objects."""
    return f"reports/{version:08d}"


def croissant_name(version: int) -> str:
    """The name of the Croissant file in the table's folder. It must be above the files it describes, and table readers
    ignore names that begin with an underscore."""
    return f"_croissant-{version:08d}.json"


def card_document(table: Store, published: Published) -> VersionDocument:
    """The document of a version that its card shows, from the manifest and the table's log alone."""
    manifest, version = published.manifest, published.version
    document: dict[str, Any] = {
        **manifest.figures,
        "dataset": manifest.dataset,
        "version": version,
        "parent_version": version - 1 if version else None,
        "table_uri": table.uri,
        "published_on": datetime.fromtimestamp(published.snapshot.at_ms / 1000, UTC).date().isoformat(),
        "policy": manifest.policy,
        "policy_text": manifest.policy_text,
        "policy_hash": manifest.policy_hash,
        "columns": manifest.types,
        "git_commit": manifest.git_commit,
        "channel": (manifest.policy.get("publish") or {}).get("channel"),
        "fingerprint": manifest.fingerprint,
        "inputs": manifest.inputs,
        "storage": {
            "real_bytes": sum(file.bytes for file in manifest.data_files if file.origin == "real"),
            "total_bytes": sum(file.bytes for file in manifest.data_files),
        },
    }
    levels = measure(cast(VersionDocument, document))
    document["slis"] = [level for level in levels if not level["name"].startswith(TIMED)]
    return cast(VersionDocument, document)


def in_table(published: Published, prefix: str) -> Layout:
    """The layout of a version's files in the table's folder. `prefix`: the path from the card to that folder."""
    files = [
        LaidFile(file.path, file.split, file.origin, file.rows, file.bytes, file.sha256)
        for file in published.manifest.data_files
    ]
    columns = [field.name for field in published.snapshot.schema if field.name not in PARTITIONS]
    return Layout(tuple(files), select(published.snapshot.schema, columns), prefix, hive=True)


def write_card(table: Store, objects: Store, published: Published, pictures: Mapping[str, bytes]) -> dict[str, str]:
    """Write card and Croissant file into the lake; returns their addresses. `pictures`: more pictures, by name."""
    document, folder = card_document(table, published), page_folder(published.version)
    up = (
        "../" * (folder.count("/") + 3) + f"{published.manifest.dataset}/"
    )  # out of reports/N, the dataset and .augmill
    for name, content in card_files(document, in_table(published, up), pictures).items():
        objects.write(f"{folder}/{name}", content)
    table.write(croissant_name(published.version), catalogue(document, in_table(published, "")))
    return {"card": objects.url(f"{folder}/{README}"), "croissant": table.url(croissant_name(published.version))}


def artifacts(table: Store, published: Published, pictures: Mapping[str, bytes]) -> dict[str, bytes]:
    """The card files and the Croissant file by name, to be stored elsewhere: their paths are absolute URIs."""
    document = card_document(table, published)
    layout = in_table(published, f"{table.uri if table.is_s3 else Path(table.uri).as_uri()}/")
    return {**card_files(document, layout, pictures), CROISSANT: catalogue(document, layout)}


def write_beside_export(table: Store, published: Published, folder: Path, files: Sequence[Path]) -> Iterator[Path]:
    """Write card and Croissant file beside exported Parquet files, named `split-origin.parquet`; yields the paths."""
    document = card_document(table, published)
    layout = Layout(tuple(_exported(file) for file in files), published.snapshot.schema)
    for name, content in {**card_files(document, layout), CROISSANT: catalogue(document, layout)}.items():
        (folder / name).write_bytes(content)
        yield folder / name


def _exported(file: Path) -> LaidFile:
    split, _, origin = file.stem.partition("-")
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return LaidFile(file.name, split, origin, pq.read_metadata(file).num_rows, file.stat().st_size, digest)
