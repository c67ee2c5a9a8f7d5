"""What a place for objects offers: a folder, a bucket, or one laid over another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Protocol


class Objects(Protocol):
    """Objects by name, written whole or not at all. Faults of the outside world leave as StorageError."""

    def exists(self, name: str) -> bool:
        """Whether the object is there."""

    def size(self, name: str) -> int:
        """Bytes of the object."""

    def sha256(self, name: str) -> str:
        """Hash of the object's bytes, in hexadecimal digits."""

    def read(self, name: str) -> bytes:
        """All bytes of the object."""

    def open(self, name: str) -> BinaryIO:
        """The object as a seekable binary stream."""

    def write(self, name: str, data: bytes) -> None:
        """Put the object, over an older one of that name."""

    def create(self, name: str, data: bytes) -> bool:
        """Put the object unless there is one of that name; whether it was put."""

    def delete(self, name: str) -> None:
        """Remove the object, if it is there."""

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Name and bytes of every object below the prefix, sorted by name."""

    def ages(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        """The same with the time of the last write, in seconds since 1970."""

    def sweep(self) -> int:
        """Remove what killed writers have left half-made; returns how many there were."""
