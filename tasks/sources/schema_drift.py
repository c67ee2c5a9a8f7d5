"""The types of a source's columns over all its units, and what changed since the version before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from augmill.tasks.sources.column_types import join
from augmill.tasks.sources.source_contract import Scan, Unit

# A column without any value must be of some type; text joins with whatever comes later.
_TEXT_FOR = {"null": "string", "list<null>": "list<string>"}


@dataclass(frozen=True)
class Drift:
    """Columns that came, went, or changed type: before and now."""

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
    wanted = expected or {}
    return {name: wanted.get(name) or _TEXT_FOR.get(kind, kind) for name, kind in joined.items()}


def drift(before: Mapping[str, str], now: Mapping[str, str]) -> Drift:
    """Compare the columns of two runs; either may be the `types_of` without expectations."""
    return Drift(
        appeared={name: kind for name, kind in now.items() if name not in before},
        disappeared={name: kind for name, kind in before.items() if name not in now},
        changed={name: (before[name], kind) for name, kind in now.items() if before.get(name, kind) != kind},
    )


def gaps(looks: Iterable[tuple[Unit, Scan]], types: Mapping[str, str]) -> dict[str, list[str]]:
    """Columns that some files of one run have and others have not, each with the files that lack it."""
    found: dict[str, list[str]] = {}
    for unit, scan in looks:
        if unit.format == "manifest" or not scan.rows:  # its objects are pictures; its columns, one manifest's
            continue
        nowhere = [name for name in types if name not in scan.columns]
        for source in unit.objects:
            for name in (*nowhere, *scan.lacking.get(source.name, ())):
                found.setdefault(name, []).append(source.name)
    return {name: sorted(files) for name, files in found.items()}
