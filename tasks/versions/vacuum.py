"""Vacuum: remove the files of versions that are no longer needed, and the work objects that no version needs.

These versions stay: the current one, every version that a channel or a pin names or that a rollback would lead to, and
every version that was current within the retention. In the work folder, the objects that those versions name stay, and
all that are younger than the retention: a killed run leaves young shards, which its next start reuses.

Why this is safe beside other processes:

* A run and a vacuum exclude each other (`tasks/storage/leases.py`): a vacuum skips a dataset while a run is under way,
  and a run that starts during a vacuum waits until it has ended. So no run can reuse a shard that is being removed.
  The vacuum checks again before each batch, and a run before it commits.
* A version is marked as gone before its first file is removed, and channels and pins are read once more after that.
  A process that moves a channel or sets a pin reads the marks after it has written. So one of the two always yields.

Times are those of the store. The Delta log is never changed, so the versions that stay can be read as before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from augmill.tasks.runs.manifest import METADATA_KEY
from augmill.tasks.storage import channels, leases, tombstones
from augmill.tasks.storage.delta import Table
from augmill.tasks.storage.delta_files import by_version, data_files, superseded
from augmill.tasks.storage.leases import CLEANING, RUNS, Lease
from augmill.tasks.storage.store import Store
from augmill.tasks.storage.tombstones import VACUUMED, Gone
from augmill.tasks.versions import reachability
from augmill.tasks.versions.versions import Lake

BATCH = 200
DAY_SECONDS = 86_400.0
DAYS = 30
"""Default retention: days that a version stays after the next version was published."""

CURRENT = "it is the current version"
BUSY = "a run is under way: {}"
CLEANED = "it is being cleaned already: {}"


@dataclass
class VacuumPlan:
    """What to remove from one dataset, with sizes in bytes by name, and why the other versions stay."""

    reasons_to_keep: dict[int, list[str]]
    versions: list[int]
    files: dict[str, int] = field(default_factory=dict)
    work: dict[str, int] = field(default_factory=dict)


def vacuum(
    lake: Lake, dataset: str, days: float = DAYS, *, dry_run: bool = False, at_ms: int, by: str
) -> dict[str, Any]:
    """Remove what is not needed, or with `dry_run` only report it. `at_ms`: milliseconds since 1970; `by`: the user."""
    if dry_run:
        return _document(dataset, days, find(lake, dataset, at_ms / 1e3 - days * DAY_SECONDS), dry_run=True)
    with leases.held(signs_of_life(lake.objects(dataset)), CLEANING, by) as lease:
        reason = busy(lease)
        if reason:
            return _document(dataset, days, VacuumPlan({}, []), skipped=reason)
        plan = find(lake, dataset, lease.beat() - days * DAY_SECONDS)
        plan = mark_versions(
            lake, dataset, plan, at_ms, by, lambda: find(lake, dataset, lease.beat() - days * DAY_SECONDS)
        )
        done = remove(lake, dataset, plan, lease)
        return _document(dataset, days, plan, stopped="" if done else busy(lease) or "a run has begun")


def signs_of_life(objects: Store) -> Store:
    """The store in which processes that work on a dataset leave their signs of life."""
    return objects.sub("live")


def busy(lease: Lease) -> str:
    """Which other process works on the dataset, so that nothing may be removed; empty if there is none."""
    for kind, text in ((RUNS, BUSY), (CLEANING, CLEANED)):
        others = lease.others(kind)
        if others:
            return text.format(", ".join(other.about for other in others))
    return ""


def versions_in_use(lake: Lake, dataset: str) -> dict[int, list[str]]:
    """The reasons by version, for versions that a channel or a pin names or that a rollback would lead to."""
    reasons_by_version: dict[int, list[str]] = {}
    store = lake.objects(dataset).sub("channels")
    for name in channels.channels(store):
        moves = channels.history(store, name)
        reasons_by_version.setdefault(moves[0].version, []).append(f"channel {name} names it")
        back = channels.before(moves)
        if back is not None:
            reasons_by_version.setdefault(back, []).append(f"a rollback of {name} leads to it")
    for version, pin in lake.pins(dataset).items():
        reasons_by_version.setdefault(version, []).append(f"it is pinned{': ' * bool(pin.note)}{pin.note}")
    return reasons_by_version


def find(lake: Lake, dataset: str, cutoff: float) -> VacuumPlan:
    """What has not been needed since `cutoff`, in seconds since 1970 by the clock of the store."""
    store, objects = lake.store.sub(dataset), lake.objects(dataset)
    table, missing = Table(store), lake.tombstones(dataset)
    files_by_version = by_version(table)
    reasons_to_keep = _reasons_to_keep(lake, dataset, list(files_by_version), superseded(store), cutoff)
    needed_files = set().union(*(files_by_version[version] for version in reasons_to_keep))
    # A file may be younger than the versions that held it, if a run that was killed has made it again.
    lost = set().union(*(files_by_version.get(version, ()) for version in missing))
    stored_files = data_files(store).items()
    files = {
        name: size for name, (size, at) in stored_files if name not in needed_files and (at <= cutoff or name in lost)
    }
    groups_by_name = reachability.groups(objects.sub("work"))
    needed = reachability.needed_groups(
        objects.sub("work"), groups_by_name, _manifests(table, objects, reasons_to_keep), cutoff
    )
    work = {
        entry.name: entry.bytes
        for name, group in groups_by_name.items()
        if name not in needed
        for entry in group.objects
    }
    versions = [version for version in files_by_version if version not in reasons_to_keep and version not in missing]
    return VacuumPlan(reasons_to_keep, versions, files, work)


def mark_versions(
    lake: Lake, dataset: str, plan: VacuumPlan, at_ms: int, by: str, make_plan: Callable[[], VacuumPlan]
) -> VacuumPlan:
    """Mark the versions as gone. Versions that a channel or pin names by now are unmarked and stay."""
    store = lake.objects(dataset).sub("gone")
    for version in plan.versions:
        tombstones.mark(store, Gone(version, VACUUMED, at_ms, by))
    late = versions_in_use(lake, dataset).keys() & set(plan.versions)
    if not late:
        return plan
    for version in late:
        tombstones.unmark(store, version)
    versions = [version for version in plan.versions if version not in late]
    return replace(make_plan(), versions=versions)


def remove(lake: Lake, dataset: str, plan: VacuumPlan, lease: Lease) -> bool:
    """Remove files and work objects in batches; returns False if it stopped because a run has begun."""
    table, work = lake.store.sub(dataset), lake.objects(dataset).sub("work")
    marks, others = reachability.in_order(plan.work)
    for store, names in ((table, list(plan.files)), (work, marks), (work, others)):
        for start in range(0, len(names), BATCH):
            if busy(lease):
                return False
            reachability.delete(store, names[start : start + BATCH])
    return True


def _reasons_to_keep(
    lake: Lake, dataset: str, versions: Sequence[int], ended: Mapping[int, float], cutoff: float
) -> dict[int, list[str]]:
    missing = lake.tombstones(dataset)
    reasons = versions_in_use(lake, dataset)
    reasons.setdefault(versions[-1], []).insert(0, CURRENT)
    for version, at in ended.items():
        if at > cutoff:
            reasons.setdefault(version, []).append("it was current within the retention")
    return {version: reasons[version] for version in sorted(reasons) if version in versions and version not in missing}


def _manifests(table: Table, objects: Store, versions: Collection[int]) -> Iterator[str]:
    for commit in table.history():
        if commit.version in versions and METADATA_KEY in commit.metadata:
            yield objects.read(commit.metadata[METADATA_KEY]).decode()


def _document(
    dataset: str, days: float, plan: VacuumPlan, *, dry_run: bool = False, skipped: str = "", stopped: str = ""
) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "dry_run": dry_run,
        "retention_days": days,
        "removed": plan.versions,
        "kept": [{"version": version, "because": reasons} for version, reasons in plan.reasons_to_keep.items()],
        "files": len(plan.files),
        "bytes": sum(plan.files.values()),
        "work": {"objects": len(plan.work), "bytes": sum(plan.work.values())},
        "skipped": skipped or None,
        "stopped": stopped or None,
    }
