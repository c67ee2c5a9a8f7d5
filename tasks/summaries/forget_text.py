"""What `augmill forget` removed, or would remove, as text for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from augmill.tasks.summaries.retention_text import ranges


def text(document: Mapping[str, Any]) -> str:
    """What goes, from where, and where the proof is, a line each."""
    return "".join(f"{line}\n" for line in _lines(document))


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    name, dry = document["dataset"], document["dry_run"]
    rows, children = sum(document["rows"].values()), sum(document["children"].values())
    splits = ", ".join(f"{count:,} in {split}" for split, count in document["rows"].items())
    steps = ", ".join(f"{count:,} of {step}" for step, count in document["children"].items() if count)
    verb = "would go" if dry else "went"
    yield f"{name}: rows where {document['asked']}"
    yield f"  {rows:,} real rows {verb}{f' ({splits})' * bool(splits)}"
    yield f"  {children:,} children {verb} with them{f' ({steps})' * bool(steps)}; the others are made and judged anew"
    if document["quarantined"]:
        yield f"  {document['quarantined']:,} rows in quarantine {'would be' if dry else 'are'} forgotten too"
    holding_versions = document["versions_that_hold_them"]
    hold = "hold" if len(holding_versions) != 1 else "holds"
    versions = f"{'versions' if len(holding_versions) > 1 else 'version'} {ranges(holding_versions)}"
    if dry:
        if not holding_versions:
            return
        fate = "would be purged" if document["purge"] else "would keep them: --purge removes them from there"
        yield f"  {versions} {fate}"
        return
    if document["purged"] is None:
        yield f"  {versions} still {hold} them: --purge removes them from there"
    else:
        yield from _purged(document["purged"])
    yield f"{name}@{document['version']} holds none of them, and no later run will take them in."
    yield f"proof {document['proof']}"


def _purged(purged: Mapping[str, Any]) -> Iterator[str]:
    versions = purged["versions"]
    version_text = f"version{'s' * (len(versions) > 1)} {ranges(versions)}" if versions else "no version"
    yield f"  purged {version_text}: {len(purged['files']):,} data files"
    yield f"  purged {purged['work_objects']:,} objects of work, {purged['quarantined_rows']:,} rows of the quarantine"
    yield from (f"  {name} pointed to {at} and was moved" for name, at in sorted(purged["channels_moved"].items()))
    yield "  the source itself is not changed: delete them there as well"
