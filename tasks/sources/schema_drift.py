"""The types of a source's columns over all its units, and their changes since the previous version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from augmill.tasks.sources.column_types import join
from augmill.tasks.sources.source_contract import Scan, Unit

# A column without any value needs a type; text joins with every later type.
_TEXT_FOR = {"null": "string", "list<null>": "list<string>"}


@dataclass(frozen=True)
class Drift:
    """Columns that appeared, disappeared, or changed type (before, now)."""

    appeared: dict[str, str]
    disappeared: dict[str, str]
    changed: dict[str, tuple[str, str]]

    def __bool__(self) -> bool:
        return bool(self.appeared or self.disappeared or self.changed)

    def __str__(self) -> str:
        parts = [f"column {name!r} appeared ({kind})" for name, kind in self.appeared.items()]
        parts += [f"column {name!r} disappeared (was {kind})" for name, kind in self.disappeared.items()]
        parts += [f"column {name!r} changed from {before} to {now}" for name, (before, now) in self.changed.items()]
        return "; ".join(parts) or "no column changed"


def types_of(scans: Iterable[Scan], expected: Mapping[str, str] | None = None) -> dict[str, str]:
    """One type per column, in order of first appearance: the expected one, or the narrowest that holds every value.

    Values that do not fit an expected type become faults when they are read.
    """
    joined: dict[str, str] = {}
    for scan in scans:
        for name, kind in scan.columns.items():
            joined[name] = join(joined.get(name, "null"), kind)
    expected_types = expected or {}
    return {name: expected_types.get(name) or _TEXT_FOR.get(kind, kind) for name, kind in joined.items()}


def drift(before: Mapping[str, str], now: Mapping[str, str]) -> Drift:
    """Compare the columns of two runs; either may be the `types_of` without expectations."""
    return Drift(
        appeared={name: kind for name, kind in now.items() if name not in before},
        disappeared={name: kind for name, kind in before.items() if name not in now},
        changed={name: (before[name], kind) for name, kind in now.items() if before.get(name, kind) != kind},
    )


def gaps(scans: Iterable[tuple[Unit, Scan]], types: Mapping[str, str]) -> dict[str, list[str]]:
    """Columns that some files of one run have and others lack, each with the files that lack it."""
    files_by_column: dict[str, list[str]] = {}
    for unit, scan in scans:
        if unit.format == "manifest" or not scan.rows:  # its objects are pictures; its columns, one manifest's
            continue
        absent = [name for name in types if name not in scan.columns]
        for source in unit.objects:
            for name in (*absent, *scan.lacking.get(source.name, ())):
                files_by_column.setdefault(name, []).append(source.name)
    return {name: sorted(files) for name, files in files_by_column.items()}
