from __future__ import annotations

import io
import random

import pyarrow as pa
import pytest

from augmill.tasks.sources.utf8_stream import Utf8Stream, unescape, unescape_column

PIECES = [
    b"a",
    b"\n",
    b'"',
    "é€\U0001f600\U0010ffff".encode(),
    b"\xff",
    b"\xc3",
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xf4\x8f",
]


def parts_of(stream: Utf8Stream, size: int) -> list[bytes]:
    return list(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize("size", [1, 2, 7, 1000, -1])
def test_any_bytes_become_utf8_and_can_be_restored(size: int) -> None:
    random_pieces = random.Random(size)
    for _ in range(300):
        data = b"".join(random_pieces.choices(PIECES, k=random_pieces.randrange(30)))
        parts = parts_of(Utf8Stream(io.BytesIO(data)), size)
        assert size < 0 or all(len(part) <= size for part in parts)
        b"".join(parts).decode()
        assert unescape(b"".join(parts)) == data


def test_text_passes_unchanged() -> None:
    text = "straße,€\n".encode() * 100
    stream = Utf8Stream(io.BytesIO(text))
    assert b"".join(parts_of(stream, 7)) == text
    assert not stream.has_escapes


def test_every_value_of_a_column_is_restored() -> None:
    stream = Utf8Stream(io.BytesIO(b"\xff|b|\xc3"))
    column = pa.array(stream.read().split(b"|") + stream.read().split(b"|"), pa.binary())
    assert stream.has_escapes
    assert unescape_column(column).to_pylist() == [b"\xff", b"b", b"", b"\xc3"]
