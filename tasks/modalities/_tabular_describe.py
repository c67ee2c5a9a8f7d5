"""Figures of a table's real training rows: what kind each column is, its scale, its range, its categories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from augmill.policies.schema import Policy
from augmill.tasks.modalities._tabular_figures import FIGURES, Figures, figures_of
from augmill.tasks.rows.provenance import PREFIX
from augmill.tasks.transforms.table import Column, TableSpec


def describe(policy: Policy, batches: Iterable[pa.Table]) -> dict[str, Any]:
    """The table's spec as JSON, from real training rows; the same for any batching and order."""
    return merge(policy, (tally(policy, batch) for batch in batches))


def tally(policy: Policy, rows: pa.Table) -> dict[str, Any]:
    """What `merge` must know of some rows: how many, and the running figures of every feature column."""
    skipped = {policy.label, policy.key, policy.split.group, policy.split.column, *policy.ignore}
    columns = {}
    for name in rows.column_names:
        if name not in skipped and not name.startswith(PREFIX):
            figures = figures_of(rows[name].type)
            figures.add(rows[name])
            columns[name] = figures.to_json()
    return {"rows": rows.num_rows, "columns": columns}


def merge(policy: Policy, tallies: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The spec as JSON, from tallies of all training rows."""
    figures_by_column: dict[str, Figures] = {}
    rows = 0
    for tallied in tallies:
        rows += tallied["rows"]
        for name, tally_of_column in tallied["columns"].items():
            figures_by_column.setdefault(name, FIGURES[tally_of_column["figures"]](tally_of_column["asked"])).merge(
                tally_of_column
            )
    columns, carried = [], {}
    # By name: numbers are drawn column after column, whichever file says first what columns there are.
    for name in sorted(figures_by_column):
        outcome = figures_by_column[name].result(name)
        if isinstance(outcome, str):
            carried[name], outcome = outcome, Column(name, "carried")
        columns.append(outcome)
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
