"""The id of a row: made from its content (or its key), never from its position.

A cell is hashed with its column's name, the cells of a row are summed modulo 2**64 in two lanes, and missing
cells count as nothing. So the order of columns does not matter, a column that is absent equals a column that
is all null, and 5 equals 5.0: a file that gains a column, or is read with another integer width, keeps its ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.policies.schema import Policy
from augmill.tasks.rows.provenance import NAMES
from augmill.tasks.rows.randomness import U64, mix, word_of

LANES = 2
# Arrays of this many words stay in the processor's cache while they are mixed: more than twice as fast.
_BLOCK_ROWS = 8_192


def content_words(table: pa.Table, columns: Iterable[str]) -> U64:
    """Two 64-bit words per row, shape (n, 2), from the given columns of `table`."""
    words = np.zeros((table.num_rows, LANES), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for name in columns:
            column = table.column(name)
            cells = _cells(column)
            absent = np.asarray(pc.is_null(column).combine_chunks()) if column.null_count else None
            for lane in range(LANES):
                _add_cells(words[:, lane], cells[:, lane % cells.shape[1]], word_of("cell", name, lane), absent)
    return words


def _add_cells(words: U64, cells: U64, column: np.uint64, absent: NDArray[np.bool_] | None) -> None:
    for start in range(0, len(words), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        scrambled = mix(mix(cells[block] ^ column))
        if absent is not None:
            scrambled[absent[block]] = 0
        words[block] += scrambled


def ids_of(words: U64) -> pa.Array:
    """Hexadecimal sample ids, 32 characters each, from words of shape (n, 2)."""
    text = words.astype(">u8").tobytes().hex().encode()
    offsets = np.arange(0, 32 * (len(words) + 1), 32, dtype=np.int32)
    return pa.StringArray.from_buffers(len(words), pa.py_buffer(offsets.tobytes()), pa.py_buffer(text))


def words_of(ids: pa.Array | pa.ChunkedArray | Sequence[str]) -> U64:
    """The inverse of `ids_of`: words of shape (n, 2) from 32-character hexadecimal ids."""
    raw = bytes.fromhex(_joined(ids).decode())
    return np.frombuffer(raw, dtype=">u8").astype(np.uint64).reshape(-1, LANES)


def by_id(rows: pa.Table, column: str) -> pa.Table:
    """The rows sorted by their ids: numbers sort four times faster than their texts."""
    words = words_of(rows[column])
    return rows.take(pa.array(np.lexsort((words[:, 1], words[:, 0]))))


def _joined(ids: pa.Array | pa.ChunkedArray | Sequence[str]) -> bytes:
    """All ids in one piece, copied from Arrow's memory."""
    if isinstance(ids, pa.ChunkedArray):
        return b"".join(map(_joined, ids.chunks))
    array = ids if isinstance(ids, pa.Array) else pa.array(ids, pa.string())
    if not len(array):
        return b""
    _, offsets, text = array.cast(pa.string()).buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[array.offset : array.offset + len(array) + 1]
    return bytes(memoryview(text)[ends[0] : ends[-1]])


def key_words(keys: pa.Array | pa.ChunkedArray) -> U64:
    """Words of shape (n, 2) for rows that the policy identifies by a key column."""
    table = pa.table({"key": keys})
    return content_words(table, ["key"])


def like_columns(policy: Policy, columns: Sequence[str]) -> list[str]:
    """The columns in which two rows must agree to be the same sample: without keys, groups and ignored columns."""
    excluded = {policy.key, policy.split.group, policy.split.column, *policy.ignore}
    return [name for name in columns if name not in excluded and name not in NAMES]


def with_occurrence(words: U64, occurrence: NDArray[np.int64]) -> U64:
    """Make the words of identical rows distinct: the first keeps its words, the others are mixed with their number."""
    with np.errstate(over="ignore"):
        scrambled = mix(words + (occurrence.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))[:, None])
    return np.where((occurrence > 0)[:, None], scrambled, words)


def child_words(recipe: str, base_words: U64, copies: NDArray[np.int64]) -> U64:
    """Ids of children, shape (n, 2): a function of the recipe, the base parent and the copy number."""
    with np.errstate(over="ignore"):
        numbered = mix(base_words + copies.astype(np.uint64)[:, None])
        lanes = [mix(numbered[:, lane] ^ word_of("child", recipe, lane)) for lane in range(LANES)]
        return np.stack([lanes[0] + mix(lanes[1]), lanes[1] ^ mix(lanes[0])], axis=1)


def _cells(column: pa.ChunkedArray) -> U64:
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _numbers(column)[:, None]
    if pa.types.is_temporal(kind):
        return _numbers(
            column.cast(pa.timestamp("us")).cast(pa.int64()) if pa.types.is_date(kind) else pc.cast(column, pa.int64())
        )[:, None]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _texts(column)
    return np.array([digest_words(_bytes_of(value)) for value in column.to_pylist()], dtype=np.uint64).reshape(
        -1, LANES
    )


def _numbers(column: pa.ChunkedArray) -> U64:
    filled = pc.fill_null(column, False if pa.types.is_boolean(column.type) else 0).combine_chunks()
    values = np.asarray(filled)
    floats = values.astype(np.float64) + 0.0  # -0.0 and 0.0 are the same value
    floats[np.isnan(floats)] = np.nan  # and so are all NaN
    words = floats.view(np.uint64)
    if pa.types.is_integer(column.type):
        big = np.abs(floats) >= 2.0**53
        words = np.where(big, values.astype(np.int64).view(np.uint64), words)
    return np.asarray(words, dtype=np.uint64)


def _texts(column: pa.ChunkedArray) -> U64:
    encoded = pc.dictionary_encode(column).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], pa.string()).dictionary_encode()
    digests = [digest_words(b"text:" + value.encode()) for value in encoded.dictionary.to_pylist()]
    table = np.array([*digests, (0, 0)], dtype=np.uint64).reshape(-1, LANES)
    codes = np.asarray(pc.fill_null(encoded.indices, len(digests)))
    return np.asarray(table[codes], dtype=np.uint64)


def _bytes_of(value: object) -> bytes:
    # A payload is its bytes: the path it was read from may change without the sample changing.
    if isinstance(value, dict):
        value = value.get("bytes", value)
    if isinstance(value, bytes):
        return b"bytes:" + value
    return repr(value).encode()


def digest_words(data: bytes) -> tuple[int, int]:
    """Two words from bytes."""
    raw = hashlib.blake2b(data, digest_size=16).digest()
    return int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:], "big")
