"""Erased rows that must not come back, stored as salted hashes of their values instead of the values.

A rule is a list of columns and the digests of rows in those columns: a row with one of the digests is refused.
Forgetting a row makes a rule of all its columns; if the policy has a key, also a rule of the key, so that a corrected
row stays forgotten; and if the rows were chosen by equal values (`customer_id = 17`), also a rule of those columns, so
that later rows with the same values are refused too, and so are broken lines that hold such a value. Other conditions
(`age > 90`) only select existing rows.

A digest is BLAKE2b with a random salt of the data set. A value cannot be computed from it. Somebody who can read the
lake can still try values one by one, which finds values of a small set such as customer numbers: protect the lake as
the list itself must be protected.
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
    """Rows whose values in `columns` have one of the digests. `as_text`: 17, 17.0 and the text 17 are equal."""

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
    """One digest per row; a column that the table lacks counts as a column of nulls."""
    present = [name for name in columns if name in rows.column_names]
    cells = rows.select(present)
    if as_text:
        cells = pa.table({name: as_texts(cells[name]) for name in present})
    words = content_words(cells, present).astype("<u8").tobytes()
    # Equal words under other columns must not have equal digests.
    person = hashlib.blake2b(canonical([list(columns), as_text]).encode(), digest_size=16).digest()
    start = hashlib.blake2b(key=salt, person=person, digest_size=DIGEST_BYTES)
    row_digests = []
    for at in range(0, len(words), 16):
        digest = start.copy()
        digest.update(words[at : at + 16])
        row_digests.append(digest.hexdigest())
    return row_digests


def matches(salt: bytes, rules: Sequence[Rule], rows: pa.Table) -> NDArray[np.bool_]:
    """Which rows match one of the rules, shape (n,)."""
    matched = np.zeros(rows.num_rows, dtype=np.bool_)
    for rule in rules:
        # A table with none of the columns cannot match.
        if rows.num_rows and any(name in rows.column_names for name in rule.columns):
            row_digests = digests(salt, rows, rule.columns, rule.as_text)
            matched |= np.fromiter(
                (digest in rule.digests for digest in row_digests), dtype=np.bool_, count=len(row_digests)
            )
    return matched


def mentions(salt: bytes, rules: Sequence[Rule], lines: Sequence[str]) -> list[bool]:
    """Which broken lines hold, as a cell or a word, a value of a rule with one column."""
    single = [rule for rule in rules if rule.as_text and len(rule.columns) == 1]
    return [any(_mentions_digest(salt, rule, line) for rule in single) for line in lines]


def _mentions_digest(salt: bytes, rule: Rule, line: str) -> bool:
    cells = {cell.strip(" \"'[]{}") for cell in _CELLS.split(line)} | set(_WORDS.split(line))
    column = pa.table({rule.columns[0]: pa.array(sorted(cells), pa.string())})
    return not rule.digests.isdisjoint(digests(salt, column, rule.columns, True))


def as_texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values as text; whole numbers have the same text in every type."""
    if pa.types.is_floating(column.type):
        is_whole_number = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), _EXACT))
        numbers = pc.cast(pc.if_else(pc.fill_null(is_whole_number, False), column, None), pa.int64())
        return pc.coalesce(pc.cast(numbers, pa.string()), pc.cast(column, pa.string()))
    return pc.cast(column, pa.string())
