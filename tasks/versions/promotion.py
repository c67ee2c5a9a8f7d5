"""Point a channel at another version on purpose: forward with `promote`, back with `rollback`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from augmill.policies.errors import DataError, PolicyError
from augmill.policies.schema import CHANNEL
from augmill.tasks.runs.manifest import Published
from augmill.tasks.storage import channels, measurements
from augmill.tasks.storage.channels import Move
from augmill.tasks.versions.versions import Lake


def promote(lake: Lake, published: Published, channel: str, *, at_ms: int, run_id: str) -> dict[str, Any]:
    """Point a channel at a complete version whose checks pass. Raises DataError if the version is not fit."""
    if not re.fullmatch(CHANNEL, channel):
        raise PolicyError(
            f"{channel!r} is no name for a channel", "Use lower-case letters, digits and hyphens, such as stable."
        )
    refuse_unfit(lake, published)
    store = lake.objects(published.manifest.dataset).sub("channels")
    current_move = channels.current(store, channel)
    if current_move is None or current_move.version != published.version:
        move = channels.move(
            store, channel, published.version, current_move, at_ms=at_ms, reason=channels.PROMOTED, run_id=run_id
        )
        refuse_overtaken(lake, published, channel, move)
    return _document(lake, published, channel, current_move)


def rollback(lake: Lake, dataset: str, channel: str, *, at_ms: int, run_id: str) -> dict[str, Any]:
    """Point a channel at the version it pointed to before, and to the one before that if called again."""
    store = lake.objects(dataset).sub("channels")
    moves = channels.history(store, channel)
    back = channels.before(moves)
    if back is None:
        targets = sorted(lake.channels(dataset).items())
        raise PolicyError(
            f"{channel} of {dataset} never pointed to an earlier version",
            f"Its channels: {', '.join(f'{name} -> {at}' for name, at in targets) or 'none'}.",
        )
    published = lake.find(f"{dataset}@{back}")
    refuse_unfit(lake, published)
    move = channels.move(store, channel, back, moves[0], at_ms=at_ms, reason=channels.ROLLED_BACK, run_id=run_id)
    refuse_overtaken(lake, published, channel, move)
    return _document(lake, published, channel, moves[0])


def refuse_overtaken(lake: Lake, published: Published, channel: str, move: Move) -> None:
    """Undo a move and raise DataError if, between the check and the move, vacuum has marked the version or somebody
    has posted a breach of it.

    Those two write first and then read the channels; this moves first and then reads what they write. So at least one
    side sees the other.
    """
    try:
        lake.refuse_removed(published)
        refuse_breached(lake, published)
    except DataError:
        channels.undo(lake.objects(published.manifest.dataset).sub("channels"), channel, move)
        raise


def refuse_unfit(lake: Lake, published: Published) -> None:
    """Raise DataError if a version failed its checks, breached its policy later, or lacks files."""
    refuse_incomplete(lake, published)
    refuse_breached(lake, published)


def refuse_incomplete(lake: Lake, published: Published) -> None:
    """Raise DataError if a version's checks failed, or files of it have been removed."""
    lake.refuse_removed(published)
    name = f"{published.manifest.dataset}@{published.version}"
    failed = [
        check["name"]
        for check in published.manifest.figures["checks"]
        if not check["success"] and check["on_failure"] == "fail"
    ]
    if failed:
        raise DataError(f"{name} failed {', '.join(failed)}", "Publish a version that passes.", {"failed": failed})
    table = lake.store.sub(published.manifest.dataset)
    missing_paths = [file.path for file in published.snapshot.files if not table.exists(file.path)]
    if missing_paths:
        raise DataError(
            f"{len(missing_paths)} of {len(published.snapshot.files)} files of {name} are gone: "
            "vacuum has removed them",
            "Name a later version, or run its policy again.",
            {"gone": missing_paths},
        )


def refuse_breached(lake: Lake, published: Published) -> None:
    """Raise DataError if the last measured figures are outside the targets of the version's policy."""
    store = lake.objects(published.manifest.dataset).sub("measurements")
    broken = measurements.breaches(measurements.of(store, published.version))
    if broken:
        name = f"{published.manifest.dataset}@{published.version}"
        raise DataError(
            f"{name} breaches the targets of its policy: {'; '.join(check_text(check) for check in broken)}",
            f"Name a version that passes. If a posted figure is wrong, post the right one with `augmill report-metric`"
            f" {name}; a gate is judged anew by `augmill gate {name}`.",
            {"breaches": broken},
        )


def check_text(check: Mapping[str, Any]) -> str:
    """A measurement that failed, in words."""
    if check.get("error"):
        return f"{check['name']}: {check['error']}"
    return f"{check['name']} is {check['observed']:.6g}, wanted {check['target']}"


def _document(lake: Lake, published: Published, channel: str, before: Move | None) -> dict[str, Any]:
    return {
        "dataset": published.manifest.dataset,
        "channel": channel,
        "version": published.version,
        "version_before": before.version if before else None,
        "table_uri": lake.store.sub(published.manifest.dataset).uri,
    }
