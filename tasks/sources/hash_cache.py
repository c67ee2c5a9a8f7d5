"""What was hashed before and has not changed since, so that a rerun need not read every file again."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from augmill.tasks.storage.error_mapping import storage_errors

# A file written again within the clock's step keeps its time stamp. Like git's index we trust no entry for a file
# that was modified this shortly before it was hashed; FAT's clock has steps of two seconds.
_RACY_NS = 2_000_000_000
_TABLE = "CREATE TABLE IF NOT EXISTS hashes (uri TEXT PRIMARY KEY, stamp TEXT, sha256 TEXT, version TEXT)"


class HashCache:
    """Hashes by place and stamp, in one SQLite file of `folder`; losing it costs time, nothing else."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "source-hashes.sqlite"
        with storage_errors("write", str(self._file)):
            folder.mkdir(parents=True, exist_ok=True)
            # The file system's own clock: it stamps the sources too, and may differ from this machine's.
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
        """The hash and version id remembered for `uri`, if it still bears `stamp`."""
        with suppress(sqlite3.Error):
            row = self._rows.execute("SELECT sha256, version FROM hashes WHERE uri = ? AND stamp = ?", (uri, stamp))
            found: tuple[str, str | None] | None = row.fetchone()
            return found
        return None

    def put(self, uri: str, stamp: str, sha256: str, version: str | None = None, mtime_ns: int = 0) -> None:
        """Remember a hash, unless the file is so young that it may change without its stamp changing."""
        if mtime_ns + _RACY_NS < self._now_ns:
            with suppress(sqlite3.Error):
                self._rows.execute("REPLACE INTO hashes VALUES (?, ?, ?, ?)", (uri, stamp, sha256, version))

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connected()
        except sqlite3.DatabaseError:
            self._file.unlink(missing_ok=True)  # not a database any more: begin anew
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        rows = sqlite3.connect(self._file, timeout=30)
        try:
            rows.execute(_TABLE)
        except sqlite3.Error:
            rows.close()
            raise
        return rows
