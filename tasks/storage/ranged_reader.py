"""A seekable stream over ranged reads: Parquet is read from S3 piece by piece, never whole."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

ReadRange = Callable[[int, int], bytes]
"""Bytes from the first to the last position given, both included, as HTTP counts them."""


class Ranges(io.RawIOBase):
    """Every read is one call of `read_range`; `size` is known beforehand."""

    def __init__(self, read_range: ReadRange, size: int) -> None:
        self._read_range, self._size, self._at = read_range, size, 0

    def readable(self) -> bool:
        """Always true."""
        return True

    def seekable(self) -> bool:
        """Always true."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; nothing is read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read at most as much as the buffer holds; 0 at the end."""
        length = min(len(buffer), self._size - self._at)
        if length <= 0:
            return 0
        data = self._read_range(self._at, self._at + length - 1)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
