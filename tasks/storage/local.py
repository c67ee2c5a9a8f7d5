"""Objects in a folder of this machine: a temporary file, fsync, then one rename or one hard link."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from augmill.tasks.storage.error_mapping import storage_errors

_TEMPORARY = ".tmp-"


@dataclass(frozen=True)
class Folder:
    """A folder of objects; names are relative paths with `/`."""

    root: str

    def path(self, name: str) -> str:
        """The file of an object."""
        return os.path.join(self.root, name) if name else self.root

    def exists(self, name: str) -> bool:
        """Whether the object is there."""
        with storage_errors("look up", self.path(name)):
            try:
                return stat.S_ISREG(os.stat(self.path(name)).st_mode)
            except FileNotFoundError:
                return False

    def size(self, name: str) -> int:
        """Bytes of the object."""
        with storage_errors("look up", self.path(name)):
            return os.stat(self.path(name)).st_size

    def read(self, name: str) -> bytes:
        """All bytes of the object."""
        with storage_errors("read", self.path(name)):
            return Path(self.path(name)).read_bytes()

    def open(self, name: str) -> BufferedReader:
        """The object as a seekable stream."""
        with storage_errors("read", self.path(name)):
            return open(self.path(name), "rb")

    def sha256(self, name: str) -> str:
        """The hash of the object's bytes, read from the disk."""
        with storage_errors("read", self.path(name)), open(self.path(name), "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def write(self, name: str, data: bytes) -> None:
        """Put the object in place, whole or not at all, over an older one if there is one."""
        target = self.path(name)
        with storage_errors("write", target), _written_beside(target, data) as temporary:
            os.replace(temporary, target)
            _sync_folder(target)

    def create(self, name: str, data: bytes) -> bool:
        """Put the object in place unless the name is taken; False if it is."""
        target = self.path(name)
        with storage_errors("create", target), _written_beside(target, data) as temporary:
            try:
                os.link(temporary, target)
            except FileExistsError:
                return False
            _sync_folder(target)
            return True

    def delete(self, name: str) -> None:
        """Remove the object; nothing happens if it is not there."""
        with storage_errors("delete", self.path(name)), suppress(FileNotFoundError):
            os.unlink(self.path(name))

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Name and bytes of every object whose name begins with `prefix`, sorted by name."""
        for name, size, _ in self.ages(prefix):
            yield name, size

    def ages(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        """The same with the time of the last write, in seconds since 1970."""
        top = self.path(os.path.dirname(prefix))
        with storage_errors("list", top):
            names = sorted(name for name in _names(top, self.root) if name.startswith(prefix))
        for name in names:
            # An object deleted while the listing runs is simply no longer listed.
            with storage_errors("list", self.path(name)), suppress(FileNotFoundError):
                status = os.stat(self.path(name))
                yield name, status.st_size, status.st_mtime

    def sweep(self) -> int:
        """Remove temporary files whose writer was killed; those of living writers are locked and stay."""
        removed = 0
        with storage_errors("clean", self.root):
            for folder, _, files in os.walk(self.root, onerror=_raise):
                for file in files:
                    if file.startswith(_TEMPORARY):
                        removed += _remove_if_abandoned(os.path.join(folder, file))
        return removed


def _names(top: str, root: str) -> Iterator[str]:
    for folder, _, files in os.walk(top, onerror=_raise):
        relative = os.path.relpath(folder, root)
        for file in files:
            if not file.startswith(_TEMPORARY):
                yield file if relative == "." else f"{relative}/{file}".replace(os.sep, "/")


def _raise(error: OSError) -> None:
    # A folder that is not there holds nothing; any other fault must not pass for an empty listing.
    if not isinstance(error, FileNotFoundError):
        raise error


@contextmanager
def _written_beside(target: str, data: bytes) -> Iterator[str]:
    """A complete, synced, locked temporary file in the target's own folder; gone at the end."""
    folder = os.path.dirname(target)
    os.makedirs(folder, exist_ok=True)
    handle, temporary = _locked_file(folder)
    try:
        with open(handle, "wb") as stream:
            os.fchmod(handle, 0o644)
            stream.write(data)
            stream.flush()
            os.fsync(handle)
            yield temporary
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _locked_file(folder: str) -> tuple[int, str]:
    while True:
        handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=folder)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, temporary
        os.close(handle)  # a sweep met it before it was locked


def _sync_folder(target: str) -> None:
    # Without this a power cut can lose the name of a file whose bytes are safe.
    handle = os.open(os.path.dirname(target), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_if_abandoned(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
    except (BlockingIOError, FileNotFoundError):
        return False
    return True
