"""Hashes of files that have not changed, so that a rerun need not read every file again."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from augmill.tasks.storage.error_mapping import storage_errors

# A file that is written twice within one step of the clock keeps its time stamp. Like git's index, do not trust an
# entry of a file that was modified this shortly before it was hashed; FAT's clock has steps of two seconds.
_RACY_NS = 2_000_000_000
_TABLE = "CREATE TABLE IF NOT EXISTS hashes (uri TEXT PRIMARY KEY, stamp TEXT, sha256 TEXT, version TEXT)"


class HashCache:
    """Hashes by URI and stamp, in one SQLite file in `folder`; if it is lost, the files are read again."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "source-hashes.sqlite"
        with storage_errors("write", str(self._file)):
            folder.mkdir(parents=True, exist_ok=True)
            # Use the file system's clock: it also stamps the sources, and may differ from this machine's clock.
            clock = folder / f".clock-{os.getpid()}"
            clock.touch()
            self._now_ns = clock.stat().st_mtime_ns
            clock.unlink(missing_ok=True)
        self._rows = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        with suppress(sqlite3.Error):
            self._rows.commit()
        self._rows.close()

    def get(self, uri: str, stamp: str) -> tuple[str, str | None] | None:
        """The stored hash and version id of `uri`, if its stamp is still `stamp`."""
        with suppress(sqlite3.Error):
            row = self._rows.execute("SELECT sha256, version FROM hashes WHERE uri = ? AND stamp = ?", (uri, stamp))
            entry: tuple[str, str | None] | None = row.fetchone()
            return entry
        return None

    def put(self, uri: str, stamp: str, sha256: str, version: str | None = None, mtime_ns: int = 0) -> None:
        """Store a hash, unless the file is so new that it may change without its stamp changing."""
        if mtime_ns + _RACY_NS < self._now_ns:
            with suppress(sqlite3.Error):
                self._rows.execute("REPLACE INTO hashes VALUES (?, ?, ?, ?)", (uri, stamp, sha256, version))

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connected()
        except sqlite3.DatabaseError:
            self._file.unlink(missing_ok=True)  # the file is damaged: create a new one
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        rows = sqlite3.connect(self._file, timeout=30)
        try:
            rows.execute(_TABLE)
        except sqlite3.Error:
            rows.close()
            raise
        return rows
