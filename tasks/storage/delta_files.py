"""Which files each version of a table holds, and when it stopped being the current one: from the log alone."""

from __future__ import annotations

from itertools import pairwise
from urllib.parse import unquote

from augmill.tasks.storage import delta_log
from augmill.tasks.storage.delta import Table
from augmill.tasks.storage.store import Store


def by_version(table: Table) -> dict[int, frozenset[str]]:
    """Paths of every version's files. One look at each commit, however many versions there are."""
    commits = table.history()[::-1]
    files_by_version: dict[int, frozenset[str]] = {}
    files: set[str] = set()
    if commits and commits[0].version:  # another engine has cleaned the log's beginning away
        files = {file.path for file in table.snapshot(commits[0].version).files}
    for commit in commits:
        files = files.difference(map(unquote, commit.removed)).union(map(unquote, commit.added))
        files_by_version[commit.version] = frozenset(files)
    return files_by_version


def superseded(store: Store) -> dict[int, float]:
    """When each version but the current one was followed by the next: seconds since 1970, by the store's clock."""
    at = {entry.name: entry.at for entry in store.ages("_delta_log/")}
    versions = delta_log.versions(store)
    return {before: at[delta_log.name_of(after)] for before, after in pairwise(versions)}


def data_files(store: Store) -> dict[str, tuple[int, float]]:
    """Bytes and time of every Parquet file in the table's folder, named by a version or not."""
    hidden = ("_", ".")
    return {
        entry.name: (entry.bytes, entry.at)
        for entry in store.ages()
        if entry.name.endswith(".parquet") and not entry.name.startswith(hidden)
    }
