"""Which versions are kept and which are removed, for a person: answers of `augmill pin` and `augmill vacuum`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from augmill.tasks.documents.text_format import size_text


def pinned_text(document: Mapping[str, Any]) -> str:
    """Whether the version is pinned now, and which others are."""
    name = f"{document['dataset']}@{document['version']}"
    word = "is pinned: vacuum leaves it alone" if document["pinned"] else "is no longer pinned"
    others = [str(version) for version in document["pins"] if version != document["version"]]
    return f"{name} {word}" + (f"; pinned as well: {', '.join(others)}" if others else "")


def vacuumed_text(document: Mapping[str, Any]) -> str:
    """What went and what stays, a line each."""
    return "".join(f"{line}\n" for line in _lines(document))


def ranges(versions: Sequence[int]) -> str:
    """Numbers in order, neighbours drawn together: 0-3, 5."""
    runs: list[list[int]] = []
    for version in versions:
        if runs and version == runs[-1][-1] + 1:
            runs[-1].append(version)
        else:
            runs.append([version])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    name = document["dataset"]
    if document["skipped"]:
        yield f"{name}: nothing was removed: {document['skipped']}; vacuum it again when that has ended"
        return
    verb = "would remove" if document["dry_run"] else "removed"
    removed = ranges(document["removed"])
    versions = f"version{'s' * (len(document['removed']) > 1)} {removed}" if removed else "no version"
    work = document["work"]
    yield (
        f"{name}: {verb} {versions}: {document['files']:,} data files ({size_text(document['bytes'])}) "
        f"and {work['objects']:,} objects of finished work ({size_text(work['bytes'])})"
    )
    yield from (f"  kept {version['version']}: {', '.join(version['because'])}" for version in document["kept"])
    if document["stopped"]:
        yield f"  stopped before the end: {document['stopped']}; vacuum it again later"
