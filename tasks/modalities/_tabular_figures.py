"""Running figures of one column, shard by shard and then of all: kept as JSON in between, and exact."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augmill.tasks.modalities._tabular_moments import Moments
from augmill.tasks.transforms.table import Column

# Beyond this many different values a text column is an id, a place or free text: nothing to vote on.
MAX_CATEGORIES = 1000
FREQUENT = 64
EXACT_INTEGERS = 2**53


@dataclass
class Other:
    """A column of a type that transforms cannot change: time, lists, bytes."""

    type: str

    def add(self, column: pa.ChunkedArray) -> None:
        """There is nothing to learn."""

    def to_json(self) -> dict[str, Any]:
        """The type alone."""
        return {"figures": "other", "asked": self.type}

    def merge(self, _other_tally: Mapping[str, Any]) -> None:
        """There is nothing to learn."""

    def result(self, _name: str) -> Column | str:
        """Why it is carried."""
        return f"a column of type {self.type} is not a feature"


@dataclass
class Numbers:
    """A numeric column's running figures; null, NaN and infinite values are missing."""

    integral: bool
    moments: Moments = field(default_factory=Moments)
    low: float = math.inf
    high: float = -math.inf
    missing: bool = False
    inexact: bool = False

    def add(self, column: pa.ChunkedArray) -> None:
        """Count in some values."""
        if self.integral:
            span = pc.min_max(column).as_py()
            self.inexact |= max(abs(span["min"] or 0), abs(span["max"] or 0)) > EXACT_INTEGERS
            if self.inexact:
                return
        values = column.cast(pa.float64()).drop_null().to_numpy()
        finite = values[np.isfinite(values)]
        self.missing |= len(finite) < len(column)
        if len(finite):
            self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
            self.moments.add(finite)

    def to_json(self) -> dict[str, Any]:
        """What `merge` reads."""
        ends = [self.low, self.high] if self.moments.count else []
        sums = self.moments.to_json()
        return {
            "figures": "numbers", "asked": self.integral, "moments": sums, "ends": ends,
            "missing": self.missing, "inexact": self.inexact,
        }  # fmt: skip

    def merge(self, other_tally: Mapping[str, Any]) -> None:
        """Count in the values of another tally."""
        self.missing |= other_tally["missing"]
        self.inexact |= other_tally["inexact"]
        self.moments.merge(other_tally["moments"])
        self.low, self.high = min([self.low, *other_tally["ends"]]), max([self.high, *other_tally["ends"]])

    def result(self, name: str) -> Column | str:
        """The column as transforms see it, or why it is carried."""
        if self.inexact:
            return "whole numbers beyond 2**53 are ids, or cannot be computed with exactly"
        if self.moments.count == 0:
            return "it holds no value"
        if self.low == self.high:
            return "it holds one value only"
        return Column(
            name,
            "integer" if self.integral else "continuous",
            scale=self.moments.deviation,
            centre=self.moments.mean,
            low=self.low,
            high=self.high,
            missing=self.missing,
        )


@dataclass
class Values:
    """A text, boolean or dictionary column's running counts; memory is bounded by MAX_CATEGORIES."""

    boolean: bool
    counts: Counter[str | int | bool] = field(default_factory=Counter)
    present: int = 0
    missing: bool = False
    many: bool = False

    def add(self, column: pa.ChunkedArray) -> None:
        """Count in some values."""
        self.missing |= column.null_count > 0
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        column = column.drop_null()
        self.present += len(column)
        counted = pc.value_counts(column)
        self.many = len(counted) > MAX_CATEGORIES
        if not self.many:
            self.counts.update({pair["values"]: pair["counts"] for pair in counted.to_pylist()})

    def to_json(self) -> dict[str, Any]:
        """What `merge` reads."""
        counts = [[value, count] for value, count in self.counts.items()]
        return {
            "figures": "values", "asked": self.boolean, "counts": counts, "known": self.present,
            "missing": self.missing, "many": self.many,
        }  # fmt: skip

    def merge(self, other_tally: Mapping[str, Any]) -> None:
        """Count in the values of another tally, unless there are too many already."""
        self.missing |= other_tally["missing"]
        self.present += other_tally["known"]
        self.many |= other_tally["many"]
        if not self.many:
            self.counts.update(dict(other_tally["counts"]))
            self.many = len(self.counts) > MAX_CATEGORIES

    def result(self, name: str) -> Column | str:
        """The column as transforms see it, or why it is carried."""
        if self.many:
            return f"it holds more than {MAX_CATEGORIES} different values"
        if len(self.counts) < 2:
            return "it holds one value only" if self.counts else "it holds no value"
        if len(self.counts) > max(20, self.present / 2):
            return "nearly all its values differ, as ids and free text do"
        domain = tuple(sorted(self.counts))
        codes = sorted(range(len(domain)), key=lambda code: (-self.counts[domain[code]], code))
        kind = "boolean" if self.boolean else "categorical"
        return Column(name, kind, domain=domain, frequent=tuple(codes[:FREQUENT]), missing=self.missing)  # type: ignore[arg-type]


Figures = Numbers | Values | Other
FIGURES: dict[str, type[Numbers] | type[Values] | type[Other]] = {"numbers": Numbers, "values": Values, "other": Other}


def figures_of(kind: pa.DataType) -> Figures:
    """Empty figures for a column of this type."""
    types = pa.types
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return Numbers(integral=types.is_integer(kind))
    values = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string(values) or types.is_large_string(values):
        return Values(boolean=False)
    if types.is_boolean(values) or (types.is_dictionary(kind) and types.is_integer(values)):
        return Values(boolean=types.is_boolean(values))
    return Other(str(kind))
