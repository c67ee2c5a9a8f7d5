"""Faults of the outside world become StorageError here: what happened, to which object, and what to do about it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from augmill.policies.errors import StorageError

_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_SECRET_QUERY = re.compile(
    r"(?i)((?:x-amz-[a-z-]+|awsaccesskeyid|signature|[a-z_]*(?:secret|token|password)[a-z_]*)=)[^&\s\"']+"
)

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

_FULL = "free space on that disk, or point AUGMILL_LAKE at a larger one; nothing was half written"
_REMEDIES: dict[int, tuple[str, str, bool]] = {
    errno.ENOSPC: ("the disk is full", _FULL, False),
    errno.EDQUOT: ("the disk quota is used up", _FULL, False),
    errno.EFBIG: (
        "the file would exceed the allowed file size",
        "raise the limit (ulimit -f), or make shards smaller",
        False,
    ),
    errno.EACCES: ("permission denied", "give this user read and write access to the folder", False),
    errno.EPERM: ("operation not permitted", "give this user read and write access to the folder", False),
    errno.EROFS: (
        "the file system is read-only",
        "mount it writable, or point AUGMILL_HOME and AUGMILL_LAKE elsewhere",
        False,
    ),
    errno.ENOENT: ("it does not exist", "check the name; `augmill list` shows what is there", False),
    errno.ENOTDIR: ("a file stands where a folder is needed", "move that file away, or choose another folder", False),
    errno.EEXIST: ("a file stands where a folder is needed", "move that file away, or choose another folder", False),
    errno.EISDIR: ("a folder stands where a file is needed", "move that folder away, or choose another name", False),
    errno.ENAMETOOLONG: ("the name is too long for this file system", "choose a shorter folder or dataset name", False),
    errno.EMFILE: ("too many open files", "raise the limit (ulimit -n), or use fewer workers", True),
    errno.EIO: ("the device reported an input/output error", "check the disk, then run again", True),
    errno.ESTALE: ("the network file system lost the file", "check the mount, then run again", True),
    errno.ETIMEDOUT: ("the device did not answer in time", "check the mount, then run again", True),
    errno.EAGAIN: ("the device is busy", "run again", True),
}


def redact(text: str) -> str:
    """Cut credentials out of any URI in `text`: user info, signatures and tokens."""
    return _SECRET_QUERY.sub(r"\1***", _USER_INFO.sub("***@", text))


def engine_text(error: Exception | None) -> str:
    """What an engine says of its fault, on one line, without terminal colours or secrets."""
    return redact(" ".join(_COLOUR.sub("", str(error)).split()))[:300]


def from_os_error(action: str, uri: str, error: OSError) -> StorageError:
    """The StorageError that an operating system's error stands for."""
    unknown = (redact(str(error)), "see the cause, then run again", False)
    why, remedy, transient = _REMEDIES.get(error.errno or 0, unknown)
    return StorageError(f"cannot {action} {redact(uri)}: {why}", remedy, transient=transient)


@contextmanager
def storage_errors(action: str, uri: str) -> Iterator[None]:
    """Turn OSError and Arrow's errors into StorageError; `action` is a verb such as `write`."""
    try:
        yield
    except pa.ArrowException as error:
        raise damaged(uri, error) from error
    except OSError as error:
        # Arrow raises a plain OSError without a number for a Parquet footer it cannot parse.
        raise (from_os_error(action, uri, error) if error.errno else damaged(uri, error)) from error


def damaged(uri: str, error: Exception) -> StorageError:
    """A Parquet object whose bytes are not what was once written."""
    cause = f"cannot read {redact(uri)}: it is damaged or not Parquet ({engine_text(error)})"
    return StorageError(cause, "delete the object and run again: a work shard is made anew from its inputs")
