"""Rows that must never come back, known by salted hashes of what they held, not by what they held.

A rule is a list of columns and the digests of rows in those columns: a row that has one of the digests is refused.
Forgetting a row makes a rule of all its columns; if the policy names a key, one of the key, so that a corrected
row stays forgotten; and if the rows were chosen by equal values (`customer_id = 17`), one of those columns, so that
rows that come later with the same values are refused too, and lines that are no rows but hold such a value. Other
conditions (`age > 90`) name only the rows there are.

A digest is BLAKE2b with a random salt of the data set. Nobody can read a value from it. Who can read the lake can
still try values one after the other, which finds a value of a small set such as a customer number: keep the lake as
safe as the list must be.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.tasks.rows.hashing import canonical
from augmill.tasks.rows.identity import content_words

DIGEST_BYTES = 16
_EXACT = 2.0**53
_CELLS, _WORDS = re.compile(r"[,;|:\t]"), re.compile(r"[^\w.@+-]+")


@dataclass(frozen=True)
class Rule:
    """Rows whose values in `columns` have one of the digests. `as_text`: 17, 17.0 and the text 17 are alike."""

    columns: tuple[str, ...]
    as_text: bool
    digests: frozenset[str]

    def to_json(self) -> dict[str, object]:
        """A JSON-able dict; the inverse of `from_json`."""
        return {"columns": list(self.columns), "as_text": self.as_text, "digests": sorted(self.digests)}

    @classmethod
    def from_json(cls, document: dict[str, Sequence[str]]) -> Rule:
        """Rebuild from `to_json`'s dict."""
        return cls(tuple(document["columns"]), bool(document["as_text"]), frozenset(document["digests"]))


def digests(salt: bytes, rows: pa.Table, columns: Sequence[str], as_text: bool) -> list[str]:
    """One digest per row; a column that the table lacks counts as one without values."""
    present = [name for name in columns if name in rows.column_names]
    seen = rows.select(present)
    if as_text:
        seen = pa.table({name: as_texts(seen[name]) for name in present})
    words = content_words(seen, present).astype("<u8").tobytes()
    # Equal words under other columns must not have equal digests.
    person = hashlib.blake2b(canonical([list(columns), as_text]).encode(), digest_size=16).digest()
    start = hashlib.blake2b(key=salt, person=person, digest_size=DIGEST_BYTES)
    found = []
    for at in range(0, len(words), 16):
        one = start.copy()
        one.update(words[at : at + 16])
        found.append(one.hexdigest())
    return found


def matches(salt: bytes, rules: Sequence[Rule], rows: pa.Table) -> NDArray[np.bool_]:
    """Which rows one of the rules names, shape (n,)."""
    found = np.zeros(rows.num_rows, dtype=np.bool_)
    for rule in rules:
        # Without any of the columns there is nothing to tell the row by.
        if rows.num_rows and any(name in rows.column_names for name in rule.columns):
            here = digests(salt, rows, rule.columns, rule.as_text)
            found |= np.fromiter((one in rule.digests for one in here), dtype=np.bool_, count=len(here))
    return found


def mentions(salt: bytes, rules: Sequence[Rule], lines: Sequence[str]) -> list[bool]:
    """Which lines that are no rows hold, as a cell or a word, a value that a rule of one column names."""
    single = [rule for rule in rules if rule.as_text and len(rule.columns) == 1]
    return [any(_mentioned(salt, rule, line) for rule in single) for line in lines]


def _mentioned(salt: bytes, rule: Rule, line: str) -> bool:
    cells = {cell.strip(" \"'[]{}") for cell in _CELLS.split(line)} | set(_WORDS.split(line))
    column = pa.table({rule.columns[0]: pa.array(sorted(cells), pa.string())})
    return not rule.digests.isdisjoint(digests(salt, column, rule.columns, True))


def as_texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values as text, whole numbers alike whatever type they are kept in."""
    if pa.types.is_floating(column.type):
        whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), _EXACT))
        numbers = pc.cast(pc.if_else(pc.fill_null(whole, False), column, None), pa.int64())
        return pc.coalesce(pc.cast(numbers, pa.string()), pc.cast(column, pa.string()))
    return pc.cast(column, pa.string())
