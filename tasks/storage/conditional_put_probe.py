"""Proof that a store keeps the one promise everything rests on: of several writers of a new name, one wins.

Several S3-compatible stores take `If-None-Match: *` and ignore it, or check it and then write without a lock;
on those a Delta table loses commits silently. So the store is tested before its first use.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

from augmill.policies.errors import StorageError
from augmill.tasks.storage.error_mapping import redact
from augmill.tasks.storage.store import Store

PROOF = "conditional-writes-proved"
_PROVED = b"a second PUT with If-None-Match: * was refused; races had one winner each\n"
_ROUNDS = 10
_RACERS = 8
_REMEDY = (
    "keep the lake on a store with true conditional writes, such as Amazon S3 or Ceph RGW, or in a local folder; "
    "augmill never puts a table on a store that can lose a commit"
)


def prove(store: Store) -> None:
    """Raise StorageError unless `store` honours put-if-absent. The races run once: success is remembered in the store.

    The object that remembers it is put again at every call, which must be refused: Ceph RGW 16 honours conditions until
    somebody lets the bucket keep versions.
    """
    trial = store.sub("probe-" + secrets.token_hex(8))
    if store.exists(PROOF):
        # Other bytes than what is there: after a retry, equal ones would pass for our own.
        if store.create(PROOF, secrets.token_bytes(16)):
            raise _broken(trial, "it ignores `If-None-Match: *`, which it honoured before; does it keep versions now?")
        return
    try:
        _one_after_another(trial)
        with ThreadPoolExecutor(_RACERS) as pool:
            for number in range(_ROUNDS):
                _at_once(trial, f"race-{number}", pool)
    finally:
        for entry in list(trial.list()):
            trial.delete(entry.name)
    store.write(PROOF, _PROVED)


def _one_after_another(trial: Store) -> None:
    if not trial.create("twice", b"first"):
        raise _broken(trial, "it says that a name is taken which nobody used")
    if trial.create("twice", b"second"):
        raise _broken(trial, "it ignores `If-None-Match: *`: a second conditional PUT of one name was accepted")
    if trial.read("twice") != b"first":
        raise _broken(trial, "it refused a second conditional PUT, and kept its bytes all the same")


def _at_once(trial: Store, name: str, pool: ThreadPoolExecutor) -> None:
    entries = [f"racer {number}".encode() for number in range(_RACERS)]
    won = [
        entry for entry, first in zip(entries, pool.map(lambda e: trial.create(name, e), entries), strict=True) if first
    ]
    if len(won) != 1:
        raise _broken(trial, f"conditional writes are not atomic: {len(won)} of {_RACERS} writers of one name won")
    if trial.read(name) != won[0]:
        raise _broken(trial, "conditional writes are not atomic: the object is not that of the writer who won")


def _broken(trial: Store, promise: str) -> StorageError:
    return StorageError(f"{redact(trial.uri.rsplit('/', 1)[0])} cannot hold a table: {promise}", _REMEDY)
