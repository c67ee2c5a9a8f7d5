"""Signs of life: who works on a dataset now, so that what is in use is not cleaned away.

A run and a cleaning exclude each other. Each writes its own sign first and then looks for one of the other kind:
whichever comes second sees the first, because a store shows what was written before. A run waits until a cleaning
has ended, a cleaning gives way to a run. Signs are written again every few seconds; one that has not been for
`ALIVE_SECONDS`, by the clock of the store, is of a process that was killed. Works the same on a folder and on S3.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from augmill.policies.errors import StorageError
from augmill.tasks.storage.error_mapping import redact
from augmill.tasks.storage.store import Store

RUNS, CLEANING = "runs", "cleaning"
ALIVE_SECONDS = 180.0
BEAT_SECONDS = 20.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Sign:
    """A heartbeat object in the store; `at`: when it was last written, in seconds since 1970."""

    name: str
    at: float
    about: str


@dataclass(frozen=True)
class Lease:
    """The heartbeat of this process."""

    store: Store
    name: str
    about: str
    stop: threading.Event = field(default_factory=threading.Event)

    def beat(self) -> float:
        """Write the sign again; returns the store's time."""
        self.store.write(self.name, json.dumps({"about": self.about}).encode())
        return next(entry.at for entry in self.store.ages(self.name))

    def others(self, kind: str) -> list[Sign]:
        """Live heartbeats of a kind without this process's own, which is renewed first; stale ones are deleted."""
        now = self.beat()
        return [sign for sign in _signs(self.store, kind, now) if sign.name != self.name]

    def wait_for(self, kind: str) -> None:
        """Return once nobody of the kind is left. Raises StorageError where that takes longer than a sign lasts."""
        for _ in range(int(2 * ALIVE_SECONDS / _LOOK_SECONDS)):
            busy = self.others(kind)
            if not busy:
                return
            time.sleep(_LOOK_SECONDS)
        cause = f"{redact(self.store.uri)} is being cleaned by {busy[0].about}"
        raise StorageError(cause, "run again when that has ended", transient=True)


@contextmanager
def held(store: Store, kind: str, about: str) -> Iterator[Lease]:
    """A sign of life of that kind while the block runs, kept fresh by a thread; `about` says who it is."""
    lease = Lease(store, f"{kind}/{secrets.token_hex(8)}.json", about)
    lease.beat()
    thread = threading.Thread(target=_keep, args=(lease,), daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        lease.stop.set()
        thread.join()
        with suppress(StorageError):  # it ends by itself
            store.delete(lease.name)


def signs(store: Store, kind: str) -> list[Sign]:
    """Every heartbeat of a kind, stale ones included; deletes nothing."""
    signs_of_life = []
    for entry in list(store.ages(f"{kind}/")):
        with suppress(StorageError, ValueError):  # its owner has just ended
            signs_of_life.append(Sign(entry.name, entry.at, str(json.loads(store.read(entry.name)).get("about", ""))))
    return signs_of_life


def _keep(lease: Lease) -> None:
    while not lease.stop.wait(BEAT_SECONDS):
        with suppress(StorageError):  # the next beat may come through
            lease.store.write(lease.name, json.dumps({"about": lease.about}).encode())


def _signs(store: Store, kind: str, now: float) -> list[Sign]:
    dead = [entry.name for entry in list(store.ages(f"{kind}/")) if now - entry.at > ALIVE_SECONDS]
    for name in dead:
        store.delete(name)
    return signs(store, kind)
