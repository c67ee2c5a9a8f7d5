"""Figures of one column, gathered batch by batch, from which bounds and kinds are drafted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.expectations.detector import in_values
from augmill.tasks.sources.values import text_type

# Whether a column is an identifier or counts up is judged on its first rows.
SAMPLE_ROWS = 50_000
MAX_VALUES = 1000
_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
_NEARLY_ALL, _MOST_CATEGORIES, _EXAMPLES = 0.95, 30, 3
# Counters may start anew now and then: once per picture, per file, per day.
_COUNTS_UP, _GROWS, _FEWEST_ROWS = 0.8, 0.95, 20


@dataclass
class ColumnProfile:
    """What one column holds. `values` is complete unless `many` is set; `low` and `high` are of finite numbers.

    `at_low` and `at_high` count the rows that have just these. Of texts, `numbers` counts those that are numbers, of
    the narrowest kind that holds them all; `odd` are a few of the others.
    """

    name: str
    kind: str
    rows: int = 0
    nulls: int = 0
    infinite: int = 0
    low: float = math.inf
    high: float = -math.inf
    at_low: int = 0
    at_high: int = 0
    values: set[Any] = field(default_factory=set)
    many: bool = False
    numbers: int = 0
    numbers_kind: str = "null"
    odd: set[str] = field(default_factory=set)
    _sample: list[pa.Array] = field(default_factory=list)

    @property
    def is_number(self) -> bool:
        """Whether it holds integers or floats."""
        return self.kind in ("int64", "float64")

    def add(self, column: pa.ChunkedArray) -> None:
        """Take one batch in."""
        array = column.combine_chunks()
        if self.rows < SAMPLE_ROWS and not pa.types.is_nested(array.type):
            self._sample.append(array.slice(0, SAMPLE_ROWS - self.rows))
        self.rows += len(array)
        self.nulls += array.null_count
        if self.is_number:
            self._add_numbers(array)
        if self.kind == "string" and pa.types.is_string(array.type):
            self._add_texts(array.drop_null())
        if not self.many and not pa.types.is_nested(array.type):
            self.values |= set(pc.unique(array.drop_null()).to_pylist())
            self.many = len(self.values) > MAX_VALUES
            if self.many:
                self.values.clear()

    @property
    def numbers_share(self) -> float:
        """Texts that are numbers, by rows with a value."""
        return self.numbers / max(1, self.rows - self.nulls)

    @property
    def is_nearly_number(self) -> bool:
        """Whether a few cells alone keep a column of numbers from being one; few different texts are categories."""
        different = self.many or len(self.values) > _MOST_CATEGORIES
        return different and self.numbers_kind in ("int64", "float64") and _NEARLY_ALL <= self.numbers_share < 1.0

    @property
    def distinct_share(self) -> float:
        """Different values by rows with a value, over the sample."""
        sample = self._joined()
        return pc.count_distinct(sample).as_py() / len(sample) if len(sample) else 0.0

    @property
    def examples(self) -> list[Any]:
        """The different values of the sample."""
        values: list[Any] = pc.unique(self._joined()).to_pylist()
        return values

    @cached_property
    def personal(self) -> dict[str, int]:
        """What looks like personal data in its texts: how many different ones of the sample, by what they hold."""
        return in_values(self.examples) if self.kind == "string" else {}

    @property
    def counts_up(self) -> bool:
        """Whether an integer column mostly grows by one from row to row, as running numbers do."""
        if self.kind != "int64" or self.nulls or self.rows < _FEWEST_ROWS:
            return False
        steps = np.diff(np.asarray(self._joined()))
        return bool((steps == 1).mean() >= _COUNTS_UP and (steps > 0).mean() >= _GROWS)

    @property
    def piled(self) -> tuple[float, float]:
        """The bound that more rows stand on, and their share: a zero that means "none" shows so."""
        count, bound = max((self.at_low, self.low), (self.at_high, self.high))
        return bound, count / max(1, self.rows)

    def _add_texts(self, texts: pa.StringArray) -> None:
        are = pc.match_substring_regex(texts, _NUMBER)
        numbers = texts.filter(are)
        self.numbers += len(numbers)
        self.numbers_kind = text_type(numbers, self.numbers_kind)
        if len(self.odd) < _EXAMPLES:
            self.odd |= set(pc.unique(texts.filter(pc.invert(are))).slice(0, _EXAMPLES - len(self.odd)).to_pylist())

    def _add_numbers(self, array: pa.Array) -> None:
        values = np.asarray(array.drop_null(), dtype=np.float64)
        self.nulls += int(np.isnan(values).sum())
        self.infinite += int(np.isinf(values).sum())
        finite = values[np.isfinite(values)]
        if not len(finite):
            return
        low, high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
        self.at_low = int((finite == low).sum()) + (self.at_low if low == self.low else 0)
        self.at_high = int((finite == high).sum()) + (self.at_high if high == self.high else 0)
        self.low, self.high = low, high

    def _joined(self) -> pa.Array:
        sample = pa.concat_arrays(self._sample) if self._sample else pa.array([], pa.null())
        return sample.drop_null()
