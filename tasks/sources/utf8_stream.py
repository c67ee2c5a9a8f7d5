"""A binary stream whose bytes are all UTF-8, for a parser that must decode what it reads; the bytes can be restored.

A byte that is not UTF-8 is replaced by an escape: one of the last 128 characters of Unicode, which are for private
use. Should a file hold such a character itself, its four bytes are escaped one by one.
"""

from __future__ import annotations

import codecs
import io
import re
from contextlib import suppress
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

_ESCAPES = 0x10FF00
_ESCAPE_PREFIX = b"\xf4\x8f"
_ESCAPED = re.compile(rb"\xf4\x8f[\xbe\xbf][\x80-\xbf]")
# Python decodes a byte that is not UTF-8 to one of these surrogates.
_TO_ESCAPE = re.compile("[\udc80-\udcff\U0010ff80-\U0010ffff]")


class Utf8Stream(io.RawIOBase):
    """Reads `stream` from its position, with escapes for bytes that are not UTF-8; closing it leaves `stream` open."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._undecoded = b""
        self._ready = b""
        self.has_escapes = False

    def readable(self) -> bool:
        """True, always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, or all; empty only at the end."""
        at_end = False
        while not self._ready and not at_end:
            data = self._stream.read(size)
            at_end = not data
            self._ready = self._escaped(self._undecoded + data, at_end)
        end = len(self._ready) if size < 0 else size
        data, self._ready = self._ready[:end], self._ready[end:]
        return data

    def _escaped(self, data: bytes, at_end: bool) -> bytes:
        """The bytes with escapes, up to a character that is not complete yet."""
        if data.isascii():
            self._undecoded = b""
            return data
        with suppress(UnicodeDecodeError):
            _, used = codecs.utf_8_decode(data, "strict", at_end)
            if _ESCAPE_PREFIX[:1] not in data:
                self._undecoded = data[used:]
                return data[:used]
        text, used = codecs.utf_8_decode(data, "surrogateescape", at_end)
        self._undecoded = data[used:]
        text, count = _TO_ESCAPE.subn(_escape, text)
        self.has_escapes |= count > 0
        return text.encode()


def unescape(data: bytes) -> bytes:
    """The bytes of the file from those that a `Utf8Stream` gave."""
    return _ESCAPED.sub(lambda escape: bytes([escape.group()[3] | (escape.group()[2] & 1) << 6]), data)


def unescape_column(column: pa.BinaryArray) -> pa.BinaryArray:
    """The same for each value of a column."""
    if not pc.any(pc.match_substring(column, _ESCAPE_PREFIX)).as_py():
        return column
    return pa.array([unescape(value) for value in column.to_pylist()], pa.binary())


def _escape(match: re.Match[str]) -> str:
    return "".join(chr(_ESCAPES + byte) for byte in match.group().encode("utf-8", "surrogateescape"))
