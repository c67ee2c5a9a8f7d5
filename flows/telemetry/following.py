"""What else is to be told when something happens: what it means for checks, channels and error budgets."""

from __future__ import annotations

import logging

from flows.bounded import within
from flows.settings import Settings
from flows.telemetry.counting import countable
from flows.telemetry.logs import LOGGER
from tasks.telemetry.consequences import burning, consequences
from tasks.telemetry.happening import Happening, slip, stopped

LAKE_SECONDS = 10.0


def following(happening: Happening, current: Settings) -> list[Happening]:
    """Happenings that follow from one, to be told after it. Never fails: what cannot be found out is logged."""
    found: list[Happening] = []
    for look in (_consequences, _burning):
        try:
            found += look(happening, current)
        except Exception:
            logging.getLogger(LOGGER).exception("what follows from %s is not known", happening.kind)
    return found


def _consequences(happening: Happening, _: Settings) -> list[Happening]:
    return list(consequences(happening))


def _burning(happening: Happening, current: Settings) -> list[Happening]:
    """Note in the lake what a run measured; returns the budgets that it set burning."""
    ended = happening.kind in ("run.published", "run.unchanged", "run.failed")
    if not ended or stopped(happening) or not countable(happening.dataset):
        return []
    return within(LAKE_SECONDS, lambda: _noted(happening, current))


def _noted(happening: Happening, current: Settings) -> list[Happening]:
    from tasks.storage.store import Store
    from tasks.telemetry.budget import Reading, levels_of, levels_of_failure, success
    from tasks.telemetry.ledger import note, readings_of
    from tasks.work.context import OBJECTS

    store = Store(current.lake).sub(OBJECTS, happening.dataset, "budgets")
    if happening.kind == "run.published":
        levels = levels_of(happening.facts)
    elif happening.kind == "run.failed":
        known = readings_of(store)
        if slip(happening) and not known:
            return []
        levels = levels_of_failure(happening.facts.get("report", {}), known)
    else:
        levels = (success(True),)
    return [burning(happening, burn) for burn in note(store, Reading(happening.at, happening.run_id, levels))]
