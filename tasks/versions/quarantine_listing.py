"""The rows in quarantine with their reasons, and the status of rows that were refused earlier.

A row of the source is identified by its place: object and row number. The verdict of the newest run on a place counts.
If the current version was read from a place without refusing it, the row is corrected (`taken in`), or another row is
there now or none (`gone`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from augmill.expectations.detector import mask
from augmill.policies.errors import PolicyError, StorageError
from augmill.tasks.rows.provenance import NAMES, REAL, SOURCE
from augmill.tasks.runs.manifest import Published
from augmill.tasks.sources.values import kind_of
from augmill.tasks.storage import delta_log, quarantine_table
from augmill.tasks.storage.delta import Table
from augmill.tasks.versions.versions import Lake

WAITING, TAKEN_IN, GONE = "waiting", "taken in", "gone"
STATUSES = (WAITING, TAKEN_IN, GONE)
CHECK = "check"
MAX_EXAMPLES = 3
SHOWN = 200
# The share of cells that must be unchanged for a row to count as corrected, and not as another row in its place.
_ALIKE = 0.5
_COLUMNS = ("shard", "stage", "object", "row", "sample_id", "reasons", "content")

Place = tuple[str, int]
Row = dict[str, Any]


@dataclass(frozen=True)
class Quarantine:
    """The refused rows of a dataset, the newest of each place, each with its `status`; and rejected children."""

    dataset: str
    current: Published | None
    rows: list[Row]
    children: list[Row]

    def document(self) -> dict[str, Any]:
        """Counts by status, and reasons with counts and a few examples, as JSON-able values. Masks personal data."""
        waiting = [row for row in self.rows if row["status"] == WAITING]
        return {
            "dataset": self.dataset,
            "version": self.current.version if self.current else None,
            "rows": {status: sum(row["status"] == status for row in self.rows) for status in STATUSES},
            "reasons": _reasons(waiting),
            "past": [
                {"status": status, "reasons": _reasons([row for row in self.rows if row["status"] == status])}
                for status in (TAKEN_IN, GONE)
            ],
            "children": {"rows": len(self.children), "reasons": _reasons(self.children)},
        }


def read_quarantine(lake: Lake, reference: str) -> Quarantine:
    """The quarantine of a dataset; with `DATASET@VERSION`, the rows that were refused for that version.

    Raises PolicyError if there is no such dataset or version. A dataset without a version may have a quarantine.
    """
    dataset, separator, _ = reference.partition("@")
    store = lake.store.sub(f"{dataset}.quarantine")
    refused = quarantine_table.table(store)
    snapshot = refused.current() if dataset else None
    published = lake.find(reference) if separator or snapshot is None else None
    current = lake.find(dataset) if lake.versions(dataset) else None
    if snapshot is None:
        return Quarantine(dataset, current, [], [])
    at_ms_by_shard = {
        path.removesuffix(".parquet"): commit.at_ms for commit in refused.history() for path in commit.added
    }
    rows = [row for batch in quarantine_table.read(store, columns=_COLUMNS) for row in batch.to_pylist()]
    real = _newest_by_place([row for row in rows if row["stage"] != CHECK], current, at_ms_by_shard)
    _set_status(lake, current, list(real.values()), at_ms_by_shard)
    if published is not None:
        shards = _shards_of_version(lake, published, at_ms_by_shard)
        rows = [row for row in rows if row["shard"] in shards]
        # The status of a row is the newest status of its place.
        status_by_place = {place: row["status"] for place, row in real.items()}
        real = {_place(row): {**row, "status": status_by_place[_place(row)]} for row in rows if row["stage"] != CHECK}
    children = [row for row in rows if row["stage"] == CHECK]
    return Quarantine(dataset, current, [real[place] for place in sorted(real)], children)


def export(quarantine: Quarantine, target: Path) -> Path:
    """Write refused rows with reasons and status to a .csv or .parquet file; into a folder, as `quarantine.parquet`.

    Children that checks rejected are included, with the stage `check`. Raises PolicyError if the file exists,
    StorageError if it cannot be written.
    """
    file = target if target.suffix and not target.is_dir() else target / "quarantine.parquet"
    if file.suffix not in (".csv", ".parquet"):
        raise PolicyError(f"{file} is neither .csv nor .parquet", "Name a file with one of these endings, or a folder.")
    if file.exists():
        raise PolicyError(f"{file} exists already", "Name another file, or remove it.")
    fields = [pa.field("status", pa.string()), *(quarantine_table.SCHEMA.field(name) for name in _COLUMNS)]
    table = pa.Table.from_pylist(
        [*quarantine.rows, *({"status": "", **row} for row in quarantine.children)], pa.schema(fields)
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(table, file)
    except OSError as fault:
        raise StorageError(f"{file} cannot be written: {fault.strerror}", "Name a place you can write to.") from fault
    return file


def _write(table: pa.Table, file: Path) -> None:
    if file.suffix == ".csv":
        from pyarrow import csv

        at = table.column_names.index("reasons")
        table = table.set_column(at, "reasons", pc.binary_join(table["reasons"], "; "))
        for at, field in enumerate(table.schema):
            if pa.types.is_string(field.type):  # a spreadsheet would take a file called =cmd... for a formula
                quiet = pc.replace_substring_regex(table[at], r"^([=+\-@\t\r])", r"'\1")
                table = table.set_column(at, field.name, quiet)
        csv.write_csv(table, file)
    else:
        from pyarrow import parquet

        parquet.write_table(table, file)


def _place(row: Row) -> Place:
    return row["object"], row["row"]


def _shards_of_version(lake: Lake, published: Published, at_ms_by_shard: Mapping[str, int]) -> set[str]:
    """The shards that a version was made from, and those refused by split or checks since the version before it."""
    until = published.snapshot.at_ms
    store = lake.store.sub(published.manifest.dataset)
    since = delta_log.commit(store, published.version - 1).at_ms if published.version else 0
    validated = _validated_shards(published)
    return {
        name for name, at in at_ms_by_shard.items() if name in validated or (_is_late(name) and since < at <= until)
    }


def _is_late(shard: str) -> bool:
    """Whether a shard was refused after validation, by the split or the checks: no manifest names it."""
    return shard.startswith(("split-", "check-"))


def _validated_shards(published: Published) -> set[str]:
    """The validated shards a version was made from, as the quarantine table calls them."""
    return {str(shard["name"]).replace("/", "-") for shard in published.manifest.valid}


def _newest_by_place(
    rows: Sequence[Row], current: Published | None, at_ms_by_shard: Mapping[str, int]
) -> dict[Place, Row]:
    """One row per place, the one refused last. Shards of the current version count as at least as new as it."""
    validated, at_ms = (_validated_shards(current), current.snapshot.at_ms) if current else (set(), 0)

    def age(row: Row) -> tuple[int, str]:
        at = at_ms_by_shard[row["shard"]]
        return (max(at, at_ms) if row["shard"] in validated else at, row["shard"])

    return {_place(row): row for row in sorted(rows, key=age)}


def _set_status(lake: Lake, current: Published | None, rows: Sequence[Row], at_ms_by_shard: Mapping[str, int]) -> None:
    """Set the status of every row: waiting, taken in, or gone."""
    for row in rows:
        row["status"] = WAITING
    if current is None:
        return
    validated, at_ms = _validated_shards(current), current.snapshot.at_ms
    old = [row for row in rows if at_ms_by_shard[row["shard"]] <= at_ms and row["shard"] not in validated]
    rows_by_place = _current_rows(lake, current, old)
    inputs = {item["name"] for item in current.manifest.inputs}
    for row in old:
        current_row = rows_by_place.get(_place(row))
        if current_row is not None:
            row["status"] = TAKEN_IN if _is_mended(row, current_row) else GONE
        elif row["object"] not in inputs or not _is_late(row["shard"]):
            row["status"] = GONE


def _current_rows(lake: Lake, current: Published, rows: Iterable[Row]) -> dict[Place, Row]:
    """The real rows of the current version that were read from the places of the given rows."""
    places = {_place(row) for row in rows}
    objects = pa.array(sorted({place[0] for place in places}), pa.string())
    numbers = pa.array(sorted({place[1] for place in places}), pa.int64())
    rows_by_place: dict[Place, Row] = {}
    if not places:
        return rows_by_place
    for batch in Table(lake.store.sub(current.manifest.dataset)).read(current.version, origin=REAL):
        source = batch.column(SOURCE)
        is_at_place = pc.is_in(pc.struct_field(source, "object"), objects)
        is_at_place = pc.and_(is_at_place, pc.is_in(pc.struct_field(source, "row"), numbers))
        for row in batch.filter(is_at_place).to_pylist():
            rows_by_place[row[SOURCE]["object"], row[SOURCE]["row"]] = row
    return {place: row for place, row in rows_by_place.items() if place in places}


def _is_mended(before: Row, now: Row) -> bool:
    """Whether the row now in a refused row's place is that row, corrected: at least half of its cells are unchanged.

    If the refused line was no row, or its content was not stored, any row in its place counts as corrected.
    """
    try:
        cells = json.loads(before["content"])
    except ValueError:
        return True
    if not isinstance(cells, dict):
        return True
    alike = [_text(now.get(name)) == _text(value) for name, value in cells.items() if name not in NAMES]
    return sum(alike) >= _ALIKE * len(alike)


def _text(value: object) -> str:
    """One spelling for a cell, whether it is a text of the source or a typed value: 3, 3.0 and "3" are equal."""
    try:
        return str(float(str(value)))
    except ValueError:
        return str(value)


def _reasons(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Reasons with row counts and a few examples, the most frequent first; a row with two reasons counts for both."""
    by_reason: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        for reason in dict.fromkeys(kind_of(reason) for reason in row["reasons"]):
            by_reason.setdefault((row["stage"], reason), []).append(row)
    ranked = sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        {"stage": stage, "reason": mask(reason), "rows": len(rows_of_reason), "examples": _examples(rows_of_reason)}
        for (stage, reason), rows_of_reason in ranked
    ]


def _examples(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [
        {"object": row["object"], "row": row["row"], "sample_id": row["sample_id"], "content": _excerpt(row["content"])}
        for row in rows[:MAX_EXAMPLES]
    ]


def _excerpt(content: str | None) -> str:
    text = mask(content or "")
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
