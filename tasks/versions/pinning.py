"""Pin a version, so that vacuum does not remove it, or remove its pin."""

from __future__ import annotations

from typing import Any

from augmill.policies.errors import DataError, PolicyError
from augmill.tasks.runs.manifest import Published
from augmill.tasks.storage import pins
from augmill.tasks.versions.versions import Lake


def pin(lake: Lake, published: Published, note: str, *, at_ms: int, by: str) -> dict[str, Any]:
    """Pin a version. Raises DataError if its files have been removed already."""
    dataset, version = published.manifest.dataset, published.version
    lake.refuse_removed(published)
    store = lake.objects(dataset).sub("pins")
    pins.change(store, version, pinned=True, note=note, at_ms=at_ms, by=by)
    try:
        # Vacuum marks a version first and then reads pins; this sets the pin first and then reads the marks.
        lake.refuse_removed(published)
    except DataError:
        pins.change(store, version, pinned=False, note="", at_ms=at_ms, by=by)
        raise
    return _document(lake, dataset, version, note)


def unpin(lake: Lake, published: Published, *, at_ms: int, by: str) -> dict[str, Any]:
    """Remove the pin of a version. Raises PolicyError if it is not pinned."""
    dataset, version = published.manifest.dataset, published.version
    pins_by_version = lake.pins(dataset)
    if version not in pins_by_version:
        pinned_names = ", ".join(f"{dataset}@{pinned}" for pinned in pins_by_version) or "none"
        raise PolicyError(f"{dataset}@{version} is not pinned", f"Pinned versions: {pinned_names}.")
    pins.change(lake.objects(dataset).sub("pins"), version, pinned=False, note="", at_ms=at_ms, by=by)
    return _document(lake, dataset, version, None)


def _document(lake: Lake, dataset: str, version: int, note: str | None) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "version": version,
        "pinned": note is not None,
        "note": note,
        "pins": sorted(lake.pins(dataset)),
    }
