"""Texts and values as typed columns: their types, and which of them do not fit a required type.

The type of a text does not depend on its neighbours, so the type of a column, the join over its cells, does not
depend on how a file is cut into blocks. What counts as what:

* int64: decimal digits as Python prints them. `007` is text, because a code would lose its zeros; so is an integer
  beyond 64 bits, because a float would change its digits.
* float64: decimal or scientific notation, `nan` and `inf` in any case. `1,5` is text.
* bool: true and false in any case (0 and 1 are integers). date32, timestamp: ISO 8601 without a time zone.

Spaces around anything but text are ignored. Decimals become floats, and times have microseconds: a value that would
lose digits is refused, because two different keys could become equal.
"""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.tasks.sources.column_types import arrow_of, join

Mask = NDArray[np.bool_]

_NOT_FITTING = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError)
_TRUE, _FALSE = pa.array(["true", "True", "TRUE"]), pa.array(["false", "False", "FALSE"])
_ZERO, _NINE, _MINUS = ord("0"), ord("9"), ord("-")
_INT64_LIMIT = 2.0**63
# Every decimal with this many digits is recovered exactly from the nearest float.
_FLOAT_DIGITS = 15
_DESCRIPTIONS: dict[str, str] = {
    "int64": "a whole number",
    "float64": "a number",
    "string": "UTF-8 text",
    "bool": "true or false",
    "date32": "a date (YYYY-MM-DD)",
    "timestamp": "a time (YYYY-MM-DD HH:MM:SS)",
    "payload": "an encoded payload",
}


def text_type(texts: pa.StringArray, current: str = "null") -> str:
    """The join of `current` with the types of the texts (nulls are ignored)."""
    if current == "string" or texts.null_count == len(texts):
        return current
    present = texts.drop_null() if texts.null_count else texts
    if current != "null" and _is_all(present, current):
        return current
    # Find the type of the texts alone, then join: reading the texts in other blocks gives the same type.
    return join(current, next(kind for kind in _ORDER if _is_all(present, kind)))


_ORDER = ("int64", "float64", "bool", "date32", "timestamp", "string")


def fit(values: pa.Array, name: str) -> tuple[pa.Array, NDArray[np.int64]]:
    """The values as type `name`, and the positions of those that do not fit (null in the result)."""
    kind = arrow_of(name)
    if values.type == kind:
        return values, _none()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if name == "bool" and pa.types.is_string(values.type):
        return _as_bool(values)
    if name == "string" and pa.types.is_nested(values.type):
        return pa.nulls(len(values), kind), _positions(values)
    if name == "float64" and pa.types.is_decimal(values.type):
        return _decimals_as_floats(values)
    try:
        return _cast(values, kind), _none()
    except _NOT_FITTING:
        return _split_fit(values, kind, 0)


def misfit(column: str, value: object, name: str) -> str:
    """The message why a cell is refused."""
    text = str(value)
    short = text if len(text) <= 80 else text[:80] + "..."
    return f"column {column!r}: {short!r} {_fault(value, text, name)}"


def kind_of(reason: str) -> str:
    """A reason without the values of its row, so that rows with the same kind of fault are counted together."""
    reason = re.sub(r"^(column .*?): .* is not ", r"\1: a cell is not ", reason, flags=re.DOTALL)
    return re.sub(r"box \d+", "a box", re.sub(r" \([^)]*\)", "", reason))


def _fault(value: object, text: str, name: str) -> str:
    if name == "int64" and re.fullmatch(r"\s*[+-]?[0-9]+\s*", text):
        return "is too large for int64"
    if name == "float64" and isinstance(value, Decimal):
        return "has more digits than a float64 holds; cast the column to int64, string or double at the source"
    if name == "timestamp" and getattr(value, "nanosecond", None):  # pandas' own type: datetime knows none
        return "is finer than a microsecond; round the column to microseconds at the source"
    return f"is not {_DESCRIPTIONS.get(name, f'of type {name}')}"


def blanked(texts: pa.StringArray, missing: tuple[str, ...]) -> pa.StringArray:
    """The texts, with null for empty texts and for those that the policy declares as missing values."""
    missing_mask = lengths(texts) == 0
    others = [token for token in missing if token]
    if others:
        missing_mask |= np.asarray(pc.is_in(texts, value_set=pa.array(others, pa.string())))
    return pc.if_else(pa.array(missing_mask), pa.scalar(None, pa.string()), texts) if missing_mask.any() else texts


def lengths(texts: pa.StringArray) -> NDArray[np.int32]:
    """Bytes of each text, shape (n,); null counts as none."""
    return np.asarray(pc.fill_null(pc.binary_length(texts), 0))


def _is_all(texts: pa.StringArray, name: str) -> bool:
    if name == "string":
        return True
    if name == "bool":
        return bool(np.asarray(pc.is_in(texts, value_set=_WORDS)).all() or _trimmed_is_all(texts, name))
    try:
        cast = texts.cast(arrow_of(name))
    except _NOT_FITTING:
        return _trimmed_is_all(texts, name)
    if name == "int64":
        return bool(cast.cast(pa.string()).equals(texts))
    return name != "float64" or not (_has_codes(texts) or _has_huge_integers(texts, cast))


_WORDS = pa.concat_arrays([_TRUE, _FALSE])


def _trimmed_is_all(texts: pa.StringArray, name: str) -> bool:
    trimmed = pc.ascii_trim_whitespace(texts)
    return not trimmed.equals(texts) and _is_all(trimmed, name)


def _has_codes(texts: pa.StringArray) -> bool:
    """Whether any text begins, after a sign, with a zero and another digit."""
    starts, sizes, data = _raw(texts)
    if not len(data):
        return False
    signed = (sizes > 0) & (data[np.minimum(starts, len(data) - 1)] == _MINUS)
    first = starts + signed
    long_enough = sizes - signed > 1
    heads = data[np.where(long_enough, first, 0)]
    seconds = data[np.where(long_enough, first + 1, 0)]
    return bool((long_enough & (heads == _ZERO) & (seconds >= _ZERO) & (seconds <= _NINE)).any())


def _has_huge_integers(texts: pa.StringArray, numbers: pa.DoubleArray) -> bool:
    """Whether any text is an integer beyond 64 bits; `numbers` are the same texts as floats."""
    huge = np.abs(np.asarray(numbers)) >= _INT64_LIMIT
    if not huge.any():
        return False
    digits = texts.filter(pa.array(huge))
    digits = digits.filter(pc.match_substring_regex(digits, r"^-?[0-9]+$"))
    try:
        digits.cast(pa.int64())
    except pa.ArrowInvalid:
        return True
    return False


def _raw(texts: pa.StringArray) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Start and size of each text in the array's bytes, and the bytes; for arrays without nulls."""
    _, offsets_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(data_buffer, dtype=np.uint8) if data_buffer is not None else np.zeros(0, dtype=np.uint8)
    return offsets[:-1].astype(np.int64), np.diff(offsets).astype(np.int64), data


def _cast(values: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(values.type) and not pa.types.is_string(kind):
        try:
            return values.cast(kind)
        except pa.ArrowInvalid:
            return pc.ascii_trim_whitespace(values).cast(kind)
    if pa.types.is_timestamp(values.type) and pa.types.is_timestamp(kind):
        return values.cast(pa.timestamp("us", values.type.tz)).cast(kind)  # instants of any zone are kept as UTC
    lossy = pa.types.is_floating(kind) and not pa.types.is_string(values.type)
    return values.cast(kind, safe=not lossy)


def _split_fit(values: pa.Array, kind: pa.DataType, start: int) -> tuple[pa.Array, NDArray[np.int64]]:
    """Halve the values until those that do not fit are alone: exactly Arrow's rules, and fast if most values fit."""
    try:
        return _cast(values, kind), _none()
    except _NOT_FITTING:
        if len(values) == 1:
            return pa.nulls(1, kind), np.array([start], dtype=np.int64)
    half = len(values) // 2
    first_half, bad_first = _split_fit(values[:half], kind, start)
    second_half, bad_second = _split_fit(values[half:], kind, start + half)
    return pa.concat_arrays([first_half, second_half]), np.concatenate([bad_first, bad_second])


def _decimals_as_floats(values: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """The values as the nearest floats; a value does not fit if its float is printed with other digits."""
    floats = values.cast(pa.float64(), safe=False)
    if values.type.precision <= _FLOAT_DIGITS:
        return floats, _none()
    pairs = zip(values.to_pylist(), floats.to_pylist(), strict=True)
    changed = np.array(
        [decimal is not None and Decimal(repr(near)) != decimal for decimal, near in pairs], dtype=np.bool_
    )
    return pc.if_else(pa.array(changed), pa.scalar(None, pa.float64()), floats), np.flatnonzero(changed)


def _as_bool(texts: pa.StringArray) -> tuple[pa.Array, NDArray[np.int64]]:
    trimmed = pc.ascii_trim_whitespace(texts)
    true, false = pc.is_in(trimmed, value_set=_TRUE), pc.is_in(trimmed, value_set=_FALSE)
    recognised = pc.or_(true, false)
    result = pc.if_else(recognised, true, pa.scalar(None, pa.bool_()))
    return result, np.flatnonzero(np.asarray(pc.and_not(texts.is_valid(), recognised)))


def _none() -> NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)


def _positions(values: pa.Array) -> NDArray[np.int64]:
    return np.flatnonzero(np.asarray(values.is_valid()))
