"""The state of a dataset in the lake, for the counters: uncounted versions, channels, running runs, the spool."""

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
from augmill.tasks.versions.vacuum import signs_of_life

MOST_VERSIONS = 50


def read_lake_state(objects: Store, counters: Counters, reached: int | None = None) -> LakeState:
    """The state of a dataset, from its own objects. Versions up to `reached` that `counters` lack are read from their
    records."""
    spooled = [entry for entry in objects.sub("spool").ages() if entry.name.endswith(SUFFIX) and "/" not in entry.name]
    return LakeState(
        versions=_uncounted_versions(objects, counters, reached),
        moves=_moves(objects.sub("channels"), counters["channels"]),
        signs=_run_signs(objects) if counters["open"] else {},
        spooled=len(spooled),
        oldest=min((entry.at for entry in spooled), default=None),
    )


def _uncounted_versions(objects: Store, counters: Counters, reached: int | None) -> tuple[Mapping[str, Any], ...]:
    """Excerpts of versions after the one that was counted last. None of a lake that was never counted before."""
    if counters["counted"] is None:
        return ()
    number = counters["counted"] + 1
    excerpts: list[Mapping[str, Any]] = []
    while len(excerpts) < MOST_VERSIONS and (objects.exists(record_name(number)) or number < (reached or 0)):
        if objects.exists(record_name(number)):
            excerpts.append(excerpt(json.loads(objects.read(record_name(number)))))
        number += 1
    return tuple(excerpts)


def _moves(store: Store, last_moves: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The last move of each channel, and all moves since the last one that was counted."""
    return {
        channel: [asdict(move) for move in channels.since(store, channel, last_moves.get(channel, {}).get("number", 0))]
        for channel in channels.channels(store)
    }


def _run_signs(objects: Store) -> dict[str, float]:
    """When each run last gave a sign of life, by run id, in seconds since 1970."""
    signs = leases.signs(signs_of_life(objects), leases.RUNS)
    return {sign.about.split()[1]: sign.at for sign in signs if len(sign.about.split()) > 1}
