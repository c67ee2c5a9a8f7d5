"""Figures of a table's real training rows: what kind each column is, its scale, its range, its categories."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from policies.schema import Policy
from tasks.modalities._tabular_moments import Moments
from tasks.rows.provenance import PREFIX
from tasks.transforms.table import Column, TableSpec

# Beyond this many different values a text column is an id, a place or free text: nothing to vote on.
MAX_CATEGORIES = 1000
FREQUENT = 64
EXACT_INTEGERS = 2**53


def describe(policy: Policy, batches: Iterable[pa.Table]) -> dict[str, Any]:
    """The table's spec as JSON, from one pass over real training rows; the same for any batching and order."""
    skipped = {policy.label, policy.key, policy.split.group, policy.split.column, *policy.ignore}
    seen: dict[str, _Numbers | _Values | _Other] = {}
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        for name in batch.column_names:
            if name not in skipped and not name.startswith(PREFIX):
                column = batch[name]
                seen.setdefault(name, _look(column.type)).add(column)
    columns, carried = [], {}
    # By name: numbers are drawn column after column, whichever file says first what columns there are.
    for name in sorted(seen):
        found = seen[name].result(name)
        if isinstance(found, str):
            carried[name], found = found, Column(name, "carried")
        columns.append(found)
    return {"rows": rows, "carried": carried, "columns": [asdict(column) for column in columns]}


def spec_to_json(spec: TableSpec) -> dict[str, Any]:
    """The spec as a JSON document that `spec_from_json` reads."""
    return {"columns": [asdict(column) for column in spec.columns]}


def spec_from_json(description: Mapping[str, Any]) -> TableSpec:
    """The spec in a description, before or after a trip through JSON text."""
    return TableSpec(
        tuple(
            Column(**{**column, "domain": tuple(column["domain"]), "frequent": tuple(column["frequent"])})
            for column in description["columns"]
        )
    )


@dataclass
class _Other:
    """A column of a type that transforms cannot change: time, lists, bytes."""

    type: pa.DataType

    def add(self, column: pa.ChunkedArray) -> None:
        """There is nothing to learn."""

    def result(self, _name: str) -> Column | str:
        """Why it is carried."""
        return f"a column of type {self.type} is not a feature"


@dataclass
class _Numbers:
    """A numeric column's running figures; null, NaN and infinite values are missing."""

    whole: bool
    moments: Moments = field(default_factory=Moments)
    low: float = math.inf
    high: float = -math.inf
    missing: bool = False
    inexact: bool = False

    def add(self, column: pa.ChunkedArray) -> None:
        if self.whole:
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

    def result(self, name: str) -> Column | str:
        if self.inexact:
            return "whole numbers beyond 2**53 are ids, or cannot be computed with exactly"
        if self.moments.count == 0:
            return "it holds no value"
        if self.low == self.high:
            return "it holds one value only"
        return Column(
            name,
            "integer" if self.whole else "continuous",
            scale=self.moments.deviation,
            centre=self.moments.mean,
            low=self.low,
            high=self.high,
            missing=self.missing,
        )


@dataclass
class _Values:
    """A text, boolean or dictionary column's running counts; memory is bounded by MAX_CATEGORIES."""

    boolean: bool
    counts: Counter[str | int | bool] = field(default_factory=Counter)
    known: int = 0
    missing: bool = False
    many: bool = False

    def add(self, column: pa.ChunkedArray) -> None:
        self.missing |= column.null_count > 0
        if self.many:
            return
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        column = column.drop_null()
        self.known += len(column)
        for pair in pc.value_counts(column).to_pylist():
            self.counts[pair["values"]] += pair["counts"]
        self.many = len(self.counts) > MAX_CATEGORIES

    def result(self, name: str) -> Column | str:
        if self.many:
            return f"it holds more than {MAX_CATEGORIES} different values"
        if len(self.counts) < 2:
            return "it holds one value only" if self.counts else "it holds no value"
        if len(self.counts) > max(20, self.known / 2):
            return "nearly all its values differ, as ids and free text do"
        domain = tuple(sorted(self.counts))
        codes = sorted(range(len(domain)), key=lambda code: (-self.counts[domain[code]], code))
        kind = "boolean" if self.boolean else "categorical"
        return Column(name, kind, domain=domain, frequent=tuple(codes[:FREQUENT]), missing=self.missing)  # type: ignore[arg-type]


def _look(kind: pa.DataType) -> _Numbers | _Values | _Other:
    types = pa.types
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return _Numbers(whole=types.is_integer(kind))
    values = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string(values) or types.is_large_string(values):
        return _Values(boolean=False)
    if types.is_boolean(values) or (types.is_dictionary(kind) and types.is_integer(values)):
        return _Values(boolean=types.is_boolean(values))
    return _Other(kind)
