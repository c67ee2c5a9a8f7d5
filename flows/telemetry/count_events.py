"""Count dataset events in the lake; an event waits as a record in the home until the lake has counted it.

Each record is written to the home first and has an id, so neither a lake that is down nor a process that is killed
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
from augmill.tasks.versions.lake_state import read_lake_state

DATASET = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
FOLDER = "telemetry"
NEEDED = {"id", "kind", "run_id", "at", "build"}


def build() -> str:
    """The version of augmill."""
    try:
        return version("augmill")
    except PackageNotFoundError:
        return "unknown"


def counted_event(event: DatasetEvent) -> dict[str, Any]:
    """The record of an event that is counted, with the interval of the policy's current schedule."""
    policy = event.facts.get("policy") if event.kind == "run.started" else None
    return event_of(event, build(), _interval(Path(policy)) if isinstance(policy, str) else None)


@dataclass(frozen=True)
class EventCounter:
    """The counters of one dataset: those in the lake, its records that wait in the home, and a cached copy."""

    current: Settings
    dataset: str

    @property
    def waiting(self) -> Path:
        """The folder of records that wait."""
        return self.current.home / FOLDER / "waiting" / self.dataset

    @property
    def cache(self) -> Path:
        """The file with the counters as last read, for when the lake does not answer."""
        return self.current.home / FOLDER / f"{self.dataset}.json"

    def keep(self, record: Mapping[str, Any]) -> None:
        """Write a record to the home before anything else."""
        with suppress(OSError):  # a full disk; the lake may take it all the same
            _write(self.waiting / f"{record['id']}.json", record)

    def count(self, now: float, new_record: Mapping[str, Any] | None = None) -> tuple[Counters, list[Burn]]:
        """Count all waiting records and `new_record` in the lake; returns the counters and the error budgets that begin
        to burn with them. Raises StorageError if the lake is down."""
        objects = _objects(self.current, self.dataset)
        records = sorted(
            [*self._waiting(), *([new_record] if new_record else [])], key=lambda record: float(record["at"])
        )

        def change(tally: Counters) -> Counters:
            reached = max((record["version"]["number"] for record in records if record.get("version")), default=None)
            own = records[-1]["run_id"] if records else ""
            after = merge_lake_state(tally, read_lake_state(objects, tally, reached), now, current_run_id=own)
            for record in records:
                after = fold(after, record)
            return after

        before, tally = counter_store.update(tallies_of(self.current), self.dataset, change)
        self._remove_counted(tally, records)
        return tally, newly_burning(before, tally)

    def local_counters(self, new_record: Mapping[str, Any] | None = None) -> Counters:
        """The counters from this home alone."""
        tally = empty()
        with suppress(OSError, ValueError, TypeError):
            tally |= json.loads(self.cache.read_text("utf-8"))
        for record in [*self._waiting(), *([new_record] if new_record else [])]:
            tally = fold(tally, record)
        return tally

    def current_counters(self, now: float) -> Counters:
        """The counters with the current state of the lake and the home; nothing is written."""
        tally = counter_store.read(tallies_of(self.current), self.dataset)
        tally = merge_lake_state(tally, read_lake_state(_objects(self.current, self.dataset), tally), now)
        for record in self._waiting():
            tally = fold(tally, record)
        return tally

    def _waiting(self) -> list[dict[str, Any]]:
        records = []
        for file in sorted(self.waiting.glob("*.json")):
            with suppress(OSError, ValueError, TypeError):  # another process has just counted it, or it is damaged
                record = dict(json.loads(file.read_text("utf-8")))
                records += [record] if record.keys() >= NEEDED else []
        return records

    def _remove_counted(self, tally: Counters, records: list[Mapping[str, Any]]) -> None:
        with suppress(OSError):
            _write(self.cache, tally)
        for record in records:
            (self.waiting / f"{record['id']}.json").unlink(missing_ok=True)


def countable(dataset: str) -> bool:
    """Whether the name of a dataset can be one; a policy that cannot be read may hold anything there."""
    return DATASET.fullmatch(dataset) is not None


def counted_datasets(current: Settings) -> Iterator[str]:
    """Every dataset that was ever counted, in the lake or in this home. Raises StorageError if the lake is down."""
    names = set(counter_store.tallied(tallies_of(current)))
    yield from sorted(names | set(datasets_of_home(current)))


def datasets_of_home(current: Settings) -> list[str]:
    """Every dataset that was ever counted in this home."""
    folder = current.home / FOLDER
    return sorted({file.stem for file in folder.glob("*.json")} | {entry.name for entry in folder.glob("waiting/*")})


def tallies_of(current: Settings) -> Store:
    """The store of counters in the lake."""
    return Store(current.lake).sub(OBJECTS, counter_store.FOLDER)


def _objects(current: Settings, dataset: str) -> Store:
    return Store(current.lake).sub(OBJECTS, dataset)


def _write(file: Path, document: Mapping[str, Any]) -> None:
    """Write a small file atomically."""
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
    except ValueError:  # lint reports a wrong cron line
        return None
