"""Count what happens to datasets in the lake; a happening waits in the home until the lake has counted it.

Each happening is written to the home first and has an id, so neither a lake that is down nor a process that is killed
loses one or counts one twice.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from augmill.flows.settings import Settings
from augmill.policies.yaml_source import content_of
from augmill.tasks.runs.context import OBJECTS
from augmill.tasks.storage.store import Store
from augmill.tasks.telemetry import counter_store
from augmill.tasks.telemetry.budget import Burn
from augmill.tasks.telemetry.counted_event import event_of
from augmill.tasks.telemetry.counters import Counters, empty, fold, merge_lake_state, newly_burning
from augmill.tasks.telemetry.dataset_event import DatasetEvent
from augmill.tasks.versions.lake_state import look

DATASET = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
FOLDER = "telemetry"
NEEDED = {"id", "kind", "run_id", "at", "build"}


def build() -> str:
    """The version of augmill."""
    try:
        return version("augmill")
    except PackageNotFoundError:
        return "unknown"


def event(happening: DatasetEvent) -> dict[str, Any]:
    """The happening as it is counted, with the schedule that the policy has now."""
    policy = happening.facts.get("policy") if happening.kind == "run.started" else None
    return event_of(happening, build(), _interval(Path(policy)) if isinstance(policy, str) else None)


@dataclass(frozen=True)
class Counting:
    """The count of one dataset: its tally in the lake, its happenings that wait in the home, the tally last seen."""

    current: Settings
    dataset: str

    @property
    def waiting(self) -> Path:
        """Where happenings wait."""
        return self.current.home / FOLDER / "waiting" / self.dataset

    @property
    def cache(self) -> Path:
        """The tally as it was last seen, for when the lake does not answer."""
        return self.current.home / FOLDER / f"{self.dataset}.json"

    def keep(self, told: Mapping[str, Any]) -> None:
        """Write a happening down before anything else."""
        with suppress(OSError):  # a full disk; the lake may take it all the same
            _write(self.waiting / f"{told['id']}.json", told)

    def count(self, now: float, told: Mapping[str, Any] | None = None) -> tuple[Counters, list[Burn]]:
        """Count all that waits, and `told`, in the lake; returns the tally, and the error budgets that begin to burn
        with it. Raises StorageError if the lake is down."""
        objects = _objects(self.current, self.dataset)
        events = sorted([*self._waiting(), *([told] if told else [])], key=lambda one: float(one["at"]))

        def change(tally: Counters) -> Counters:
            reached = max((one["version"]["number"] for one in events if one.get("version")), default=None)
            own = events[-1]["run_id"] if events else ""
            after = merge_lake_state(tally, look(objects, tally, reached), now, current_run_id=own)
            for one in events:
                after = fold(after, one)
            return after

        before, tally = counter_store.update(tallies_of(self.current), self.dataset, change)
        self._counted(tally, events)
        return tally, newly_burning(before, tally)

    def remembered(self, told: Mapping[str, Any] | None = None) -> Counters:
        """The tally as far as this machine knows it."""
        tally = empty()
        with suppress(OSError, ValueError, TypeError):
            tally |= json.loads(self.cache.read_text("utf-8"))
        for one in [*self._waiting(), *([told] if told else [])]:
            tally = fold(tally, one)
        return tally

    def seen(self, now: float) -> Counters:
        """The tally with what the lake and the home show now; nothing is written."""
        tally = counter_store.read(tallies_of(self.current), self.dataset)
        tally = merge_lake_state(tally, look(_objects(self.current, self.dataset), tally), now)
        for one in self._waiting():
            tally = fold(tally, one)
        return tally

    def _waiting(self) -> list[dict[str, Any]]:
        found = []
        for file in sorted(self.waiting.glob("*.json")):
            with suppress(OSError, ValueError, TypeError):  # another process has just counted it, or it is damaged
                said = dict(json.loads(file.read_text("utf-8")))
                found += [said] if said.keys() >= NEEDED else []
        return found

    def _counted(self, tally: Counters, events: list[Mapping[str, Any]]) -> None:
        with suppress(OSError):
            _write(self.cache, tally)
        for one in events:
            (self.waiting / f"{one['id']}.json").unlink(missing_ok=True)


def countable(dataset: str) -> bool:
    """Whether the name of a dataset can be one; a policy that cannot be read may hold anything there."""
    return DATASET.fullmatch(dataset) is not None


def known(current: Settings) -> Iterator[str]:
    """Every dataset that was ever counted, in the lake or in this home. Raises StorageError if the lake is down."""
    found = set(counter_store.tallied(tallies_of(current)))
    yield from sorted(found | set(remembered(current)))


def remembered(current: Settings) -> list[str]:
    """Every dataset that was ever counted in this home."""
    folder = current.home / FOLDER
    return sorted({file.stem for file in folder.glob("*.json")} | {one.name for one in folder.glob("waiting/*")})


def tallies_of(current: Settings) -> Store:
    """Where the lake keeps its tallies."""
    return Store(current.lake).sub(OBJECTS, counter_store.FOLDER)


def _objects(current: Settings, dataset: str) -> Store:
    return Store(current.lake).sub(OBJECTS, dataset)


def _write(file: Path, document: Mapping[str, Any]) -> None:
    """Put a small file in place, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(document, default=str), "utf-8")
        os.replace(beside, file)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _interval(policy: Path) -> float | None:
    """The longest time between two runs by the policy's schedule; None without one, or where it cannot be read."""
    from augmill.tasks.telemetry.schedule_interval import longest

    schedule = content_of(policy).get("schedule")
    cron = schedule.get("cron") if isinstance(schedule, dict) else None
    try:
        return longest(cron) if isinstance(cron, str) else None
    except ValueError:  # what cron it is, lint has to say
        return None
