"""What a lake says of a dataset by itself, for the tally: versions nobody told of, channels, runs alive, the spool."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from augmill.tasks.lineage.spool import SUFFIX
from augmill.tasks.runs.request import record_name
from augmill.tasks.storage import channels, leases
from augmill.tasks.storage.store import Store
from augmill.tasks.telemetry.counted_event import excerpt
from augmill.tasks.telemetry.counters import Counters, LakeState
from augmill.tasks.versions.vacuum import live

MOST_VERSIONS = 50


def look(objects: Store, tally: Counters, reached: int | None = None) -> LakeState:
    """Look at a dataset's own objects. Versions up to `reached` that the tally lacks are read from their records."""
    waiting = [one for one in objects.sub("spool").ages() if one.name.endswith(SUFFIX) and "/" not in one.name]
    return LakeState(
        versions=_untold(objects, tally, reached),
        moves=_moves(objects.sub("channels"), tally["channels"]),
        signs=_signs(objects) if tally["open"] else {},
        spooled=len(waiting),
        oldest=min((one.at for one in waiting), default=None),
    )


def _untold(objects: Store, tally: Counters, reached: int | None) -> tuple[Mapping[str, Any], ...]:
    """Excerpts of versions after the one that was counted last; of a lake never counted before, none."""
    if tally["counted"] is None:
        return ()
    number = tally["counted"] + 1
    found: list[Mapping[str, Any]] = []
    while len(found) < MOST_VERSIONS and (objects.exists(record_name(number)) or number < (reached or 0)):
        if objects.exists(record_name(number)):
            found.append(excerpt(json.loads(objects.read(record_name(number)))))
        number += 1
    return tuple(found)


def _moves(store: Store, known: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The last move of each channel and all that are new."""
    return {
        channel: [asdict(move) for move in channels.since(store, channel, known.get(channel, {}).get("number", 0))]
        for channel in channels.channels(store)
    }


def _signs(objects: Store) -> dict[str, float]:
    """When each run last gave a sign of life, by its id."""
    found = leases.signs(live(objects), leases.RUNS)
    return {sign.about.split()[1]: sign.at for sign in found if len(sign.about.split()) > 1}
