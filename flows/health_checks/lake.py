"""Whether tables can be kept where the settings say: read, write, list, delete, and one winner for each new name."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from augmill.flows.health_answer import SECONDS, Answer, clock, fail, ok
from augmill.flows.http_client import NoReply, Reply, send_request
from augmill.flows.settings import Settings
from augmill.policies.errors import StorageError

ROLES = "It needs s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject on the bucket and its prefix."


def check(current: Settings) -> Iterator[Answer]:
    """Test the lake with a small object under a prefix of our own, which is deleted again."""
    from augmill.tasks.runs.context import OBJECTS
    from augmill.tasks.storage.error_mapping import redact
    from augmill.tasks.storage.store import Store

    lake = Store(current.lake)
    uri = redact(current.lake)
    if lake.is_s3:
        yield from clock("lake", _s3_reply())
    trial = lake.sub(OBJECTS, f"doctor-{secrets.token_hex(4)}")
    began = time.monotonic()
    faults = _storage_fault(trial)
    if faults:
        yield fail("lake", f"{uri}: {faults}", ROLES if lake.is_s3 else "Set AUGMILL_LAKE to a folder on a local disk.")
        return
    if not lake.is_s3:
        Path(trial.uri).rmdir()
    yield ok("lake", f"{uri} can be read, written and listed; took {time.monotonic() - began:.1f} s")
    yield ok("lake commits", "of two writers of one name, one wins")


def _storage_fault(trial: Any) -> str:
    """The fault of the store, or an empty text. A missing permission is raised with the store's own message."""
    try:
        if not trial.create("one", b"first"):
            return "it says that a name is taken which nobody used"
        if trial.create("one", b"second"):
            return "a second writer of one name was let through: a table there would lose commits"
        if trial.read("one") != b"first":
            return "it does not give back what was written"
        trial.write("one", b"third")
        if [entry.name for entry in trial.list()] != ["one"]:
            return "what was written is not listed"
        trial.delete("one")
        return "" if not trial.exists("one") else "what was deleted is still there"
    finally:
        with suppress(StorageError):  # what is wrong has been said
            trial.delete("one")


def _s3_reply() -> Reply:
    """One reply of the S3 store, with its clock; without the long retries of boto3."""
    from augmill.tasks.storage.s3 import connection

    address = str(connection()[1].meta.endpoint_url)
    try:
        return send_request(address, seconds=SECONDS)
    except NoReply as fault:
        raise StorageError(
            f"the S3 store at {address} does not answer: {fault}.", "Start it, or correct AWS_ENDPOINT_URL."
        ) from fault
