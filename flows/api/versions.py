"""Look up what is published: which version a name stands for, which there are, where a row comes from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from augmill.flows.api.lake import LakePath, open_lake, reference_of
from augmill.flows.machine_faults import machine_faults
from augmill.flows.settings import settings
from augmill.policies.errors import PolicyError
from augmill.tasks.rows.provenance import AUGMENTED, REAL, SYNTHETIC
from augmill.tasks.runs.manifest import manifest_of
from augmill.tasks.storage.delta import Table
from augmill.tasks.storage.delta_log import Commit
from augmill.tasks.versions.versions import Lake

MANIFESTS_AT_ONCE = 8

Explanation = dict[str, Any]
"""The document of `augmill explain --json`."""


@dataclass(frozen=True)
class Resolved:
    """What a name stands for now.

    `channel` is the one it was named by, or None. `files` are the Parquet files of the version, as paths or `s3://`
    URIs, sorted; split and origin are in their folders' names (hive partitions), not in the files.
    """

    dataset: str
    version: int
    channel: str | None
    table_uri: str
    files: list[str]


@dataclass(frozen=True)
class VersionInfo:
    """A version as it was published, and what has become of it.

    `published_at` is in UTC. `rows` counts them by origin: `real`, `augmented`, `synthetic`. `channels` are those that
    point to it now, sorted. `removed` says why it cannot be read any more, `vacuumed` or `purged`; None if it can.
    """

    dataset: str
    version: int
    published_at: datetime
    rows: Mapping[str, int]
    channels: tuple[str, ...]
    pinned: bool
    removed: str | None

    @property
    def readable(self) -> bool:
        """Whether `augmill.read` can read it."""
        return self.removed is None


def resolve(
    name: str, *, version: int | None = None, channel: str | None = None, lake: LakePath | None = None
) -> Resolved:
    """Say which version a name stands for now, and where its files are; the newest one if it names none.

    For a job that pins what it trains on, or reads with a library of its own.

    Args:
        name: `wine`, `wine@3` or `wine@stable`.
        version: The number of a version, in place of `@3`.
        channel: The name of a channel, in place of `@stable`.
        lake: A folder or an `s3://` URI. Default: `AUGMILL_LAKE`, else `lake` in `AUGMILL_HOME`.

    Returns:
        Dataset, version, channel, table and files of the version, as `Resolved`.

    Raises:
        PolicyError: No such dataset, version or channel; or the call names two.
        DataError: The version is gone: its files were removed by vacuum or by a purge.
        StorageError: The lake cannot be read.

    Example:
        >>> augmill.resolve("wine@stable").version
        3
    """
    with machine_faults():
        place = open_lake(lake)
        reference = reference_of(name, version, channel)
        published = place.readable(reference)
        table, at = place.store.sub(published.manifest.dataset), reference.partition("@")[2]
        return Resolved(
            dataset=published.manifest.dataset,
            version=published.version,
            channel=None if not at or at.isdecimal() else at,
            table_uri=table.uri,
            files=[table.url(file.path) for file in published.snapshot.files],
        )


def versions(dataset: str | None = None, *, lake: LakePath | None = None) -> list[VersionInfo]:
    """List every version ever published, of one dataset or of all: those that are gone, too, and say so.

    Args:
        dataset: The name of a dataset, as in `wine`. Default: all.
        lake: A folder or an `s3://` URI. Default: `AUGMILL_LAKE`, else `lake` in `AUGMILL_HOME`.

    Returns:
        One `VersionInfo` per version: datasets by name, versions oldest first. Empty if nothing was published.

    Raises:
        PolicyError: There is no such dataset.
        StorageError: The lake cannot be read, or one of the datasets is damaged.

    Example:
        >>> [info.version for info in augmill.versions("wine") if info.readable]
        [0, 2, 3]
    """
    if dataset is not None and "@" in dataset:
        raise PolicyError(f"versions() takes the name of a dataset; it is {dataset!r}.", "Leave out @ and the rest.")
    with machine_faults():
        place = open_lake(lake)
        names = place.datasets() if dataset is None else [dataset]
        return [version for name in names for version in _versions(place, name)]


def explain(name: str, sample_id: str, *, lake: LakePath | None = None) -> Explanation:
    """Walk from a published row back to the raw objects it came from, and say who allowed each step.

    Args:
        name: `wine@3`, `wine@stable`, or `wine` for the newest version.
        sample_id: The row's `augmill_sample_id`.
        lake: A folder or an `s3://` URI. Default: `AUGMILL_LAKE`, else `lake` in `AUGMILL_HOME`.

    Returns:
        The document of `augmill explain --json`: `values` and `source` of the row, the `policy` and `run` that made it;
        of a row that was made also `step`, `parents` and the `verifier`'s scores. Payloads stand as `<N bytes>`.

    Raises:
        PolicyError: No such dataset, version, channel or row.
        DataError: The version is gone: its files were removed by vacuum or by a purge.
        StorageError: The lake cannot be read.

    Example:
        >>> augmill.explain("wine@3", "0f3c9a52d1e84b7796c0de5512ab34f7")["step"]["name"]
        'balance'
    """
    from augmill.tasks.versions import explain as work
    from augmill.tasks.versions.rebuild import context_of

    with machine_faults(), tempfile.TemporaryDirectory(prefix="augmill-explain-") as scratch:
        place = open_lake(lake)
        published = place.readable(name)
        return work.explain(place, context_of(place, published, settings().plugins, scratch), published, sample_id)


def _versions(lake: Lake, dataset: str) -> Iterator[VersionInfo]:
    commits = Table(lake.store.sub(dataset)).history()
    if not commits:
        lake.find(dataset)  # says that there is no such dataset, and which there are
    channels, pins, removals = lake.channels(dataset), lake.pins(dataset), lake.tombstones(dataset)
    with ThreadPoolExecutor(MANIFESTS_AT_ONCE) as pool:
        rows = list(pool.map(lambda commit: _rows(lake, dataset, commit), commits))
    for commit, counts in reversed(list(zip(commits, rows, strict=True))):
        yield VersionInfo(
            dataset=dataset,
            version=commit.version,
            published_at=datetime.fromtimestamp(commit.at_ms / 1000, UTC),
            rows=counts,
            channels=tuple(sorted(channel for channel, at in channels.items() if at == commit.version)),
            pinned=commit.version in pins,
            removed=removals[commit.version].reason if commit.version in removals else None,
        )


def _rows(lake: Lake, dataset: str, commit: Commit) -> dict[str, int]:
    manifest = manifest_of(lake.objects(dataset), commit.metadata, f"{dataset}@{commit.version}")
    counts = manifest.figures.get("rows", {})
    return {origin: int(counts.get(origin) or 0) for origin in (REAL, AUGMENTED, SYNTHETIC)}
