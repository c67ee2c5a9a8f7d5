"""Records on their way to MLflow, kept in the lake beside their dataset until they have arrived.

Every record is spooled before it is sent, so neither a server that is down nor a killed run loses one. An entry
is one zip object, `document.json` and the artifacts under `artifacts/`; entries sort by version.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from augmill.policies.errors import StorageError
from augmill.tasks.documents.version_document import RunLink, VersionDocument
from augmill.tasks.lineage.mlflow_run import record
from augmill.tasks.lineage.payload import record_key
from augmill.tasks.sanitize.redact import redact_all
from augmill.tasks.storage.store import Store

DOCUMENT = "document.json"
ARTIFACTS = "artifacts/"
DAMAGED = "damaged/"
SUFFIX = ".zip"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass
class Sent:
    """What became of the spool, by entry name: where sent ones are now, why others wait, which cannot be read."""

    links: dict[str, RunLink] = field(default_factory=dict)
    pending: dict[str, StorageError] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """Where the record of this version went: `link`, or null with the `fault` for which it waits in the spool."""

    link: RunLink | None
    fault: StorageError | None
    earlier: Sent


def record_or_spool(
    spool: Store, document: VersionDocument, tracking_uri: str, artifacts: Mapping[str, bytes]
) -> Outcome:
    """Send what waits, in order of version, this one included. Raises only when the spool cannot be written."""
    name = store_record(spool, document, artifacts)
    earlier = send(spool, tracking_uri)
    return Outcome(earlier.links.pop(name, None), earlier.pending.pop(name, None), earlier)


def store_record(spool: Store, document: VersionDocument, artifacts: Mapping[str, bytes]) -> str:
    """Put a record into the spool and return its name there; keeping it twice is keeping it once."""
    name = entry_name(document)
    spool.write(name, pack(document, artifacts))
    return name


def send(spool: Store, tracking_uri: str) -> Sent:
    """Send every entry, oldest version first. An entry that is refused or damaged does not hold up the others;
    a server that does not answer is not asked again."""
    result = Sent()
    down: StorageError | None = None
    names = [entry.name for entry in spool.list() if entry.name.endswith(SUFFIX) and "/" not in entry.name]
    for name in names:
        if down:
            result.pending[name] = down
            continue
        try:
            _send_one(spool, name, tracking_uri, result)
        except StorageError as fault:
            result.pending[name] = fault
            down = fault if fault.transient else None
    return result


def entry_name(document: VersionDocument) -> str:
    """`000000000012-<record key>.zip`: sorts by version, one name per record."""
    return f"{document['version']:012d}-{record_key(redact_all(document))}{SUFFIX}"


def pack(document: VersionDocument, artifacts: Mapping[str, bytes]) -> bytes:
    """Document and artifacts as one zip, the document redacted. The same record gives the same bytes."""
    files = {DOCUMENT: json.dumps(redact_all(document), sort_keys=True).encode()}
    files |= {ARTIFACTS + name: content for name, content in sorted(artifacts.items())}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def unpack(data: bytes) -> tuple[VersionDocument, dict[str, bytes]]:
    """The inverse of `pack`. Raises ValueError for bytes that are no spooled record."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            document = json.loads(archive.read(DOCUMENT))
            names = [name for name in archive.namelist() if name.startswith(ARTIFACTS)]
            artifacts = {name.removeprefix(ARTIFACTS): archive.read(name) for name in names}
        document["dataset"], document["version"], document["table_uri"]
    except (zipfile.BadZipFile, KeyError, TypeError, OSError) as fault:
        raise ValueError(f"no spooled record: {fault}") from fault
    return document, artifacts


def _send_one(spool: Store, name: str, tracking_uri: str, result: Sent) -> None:
    data = spool.read(name)
    try:
        document, artifacts = unpack(data)
    except ValueError:
        # Set aside rather than deleted: a person may still find in it what was lost.
        spool.write(DAMAGED + name, data)
        spool.delete(name)
        result.damaged.append(name)
        return
    result.links[name] = record(document, tracking_uri, artifacts)
    spool.delete(name)
