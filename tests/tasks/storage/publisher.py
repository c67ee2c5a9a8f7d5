"""A publisher in a process of its own, driven line by line: `<kind> <expected version> <name>` -> `won` or `lost`."""

from __future__ import annotations

import sys

import pyarrow as pa

from augmill.tasks.storage.delta import Conflict, Table
from augmill.tasks.storage.store import Store
from tests.tasks.storage.small_tables import BASE, data_file, publish, rows


def attempt(table: Table, kind: str, expected: int | None, name: str) -> str:
    extra, schema, remove = {}, BASE, []
    if kind == "widen":
        extra = {f"wide_{name}": [1.0]}
        schema = pa.schema([*BASE, pa.field(f"wide_{name}", pa.float64())])
    if kind in ("replace", "widen") and expected is not None:
        remove = [file.path for file in table.snapshot(expected).files]
    try:
        publish(table, expected, [data_file(table, name, rows(name, **extra))], remove, schema, run=name)
    except Conflict:
        return "lost"
    return "won"


if __name__ == "__main__":
    target = Table(Store(sys.argv[1]))
    print("ready", flush=True)
    for line in sys.stdin:
        kind, expected, name = line.split()
        print(attempt(target, kind, None if expected == "none" else int(expected), name), flush=True)
