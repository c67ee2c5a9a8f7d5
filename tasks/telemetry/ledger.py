"""The service levels of a dataset's recent runs, kept in the lake: what error budgets are computed from.

A numbered object holds all of the period, `00000012.json`, and is created only if its number is free. So of two runs
that end at once both are in it, and of several that see a budget begin to burn one says so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from policies.errors import StorageError
from tasks.storage.faults import redact
from tasks.storage.store import Store
from tasks.telemetry.budget import PERIOD_SECONDS, Burn, Level, Reading, burns

MOST_READINGS = 1000
KEPT = 20
ATTEMPTS = 20


def note(store: Store, reading: Reading) -> list[Burn]:
    """Add a reading; returns the budgets that burn now and did not at the reading before."""
    for _ in range(ATTEMPTS):
        number, readings, before = _latest(store)
        kept = _added(readings, reading)
        found = burns(kept, reading.at)
        content = {"readings": [asdict(one) for one in kept], "burning": [burn.name for burn in found]}
        if store.create(_name(number + 1), json.dumps(content, sort_keys=True).encode()):
            # The last ones stay: a name must not be free again while somebody slow still means to take it.
            store.delete(_name(number + 1 - KEPT))
            return [burn for burn in found if burn.name not in before]
    raise StorageError(f"cannot add to {redact(store.uri)}: others keep adding", "run again", transient=True)


def readings_of(store: Store) -> list[Reading]:
    """Every reading that is kept, oldest first."""
    return _latest(store)[1]


def _added(readings: Sequence[Reading], reading: Reading) -> list[Reading]:
    """The readings of the period with the new one last: a clock that was ahead once must not outlive us all."""
    earlier = [replace(one, at=min(one.at, reading.at)) for one in readings]
    return [*(one for one in earlier if one.at > reading.at - PERIOD_SECONDS), reading][-MOST_READINGS:]


def _latest(store: Store) -> tuple[int, list[Reading], Sequence[str]]:
    names = sorted(entry.name for entry in store.list() if entry.name.endswith(".json"))
    if not names:
        return 0, [], ()
    try:
        content = json.loads(store.read(names[-1]))
        readings = [_reading(one) for one in content["readings"]]
        return int(names[-1].removesuffix(".json")), readings, list(content["burning"])
    except (ValueError, TypeError, KeyError) as fault:
        where = redact(store.url(names[-1]))
        raise StorageError(f"{where} is damaged", "Delete it: budgets then start anew.") from fault


def _reading(content: dict[str, Any]) -> Reading:
    levels = tuple(Level(**level) for level in content["levels"])
    return Reading(float(content["at"]), str(content["run_id"]), levels)


def _name(number: int) -> str:
    return f"{max(number, 0):08d}.json"
