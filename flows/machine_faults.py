"""Faults of the machine itself - a full disk, a folder that may not be written - as errors with a remedy."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from augmill.policies.errors import StorageError

MACHINE_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE}


def storage_error_of(fault: OSError) -> StorageError:
    """The fault in the words of a user; one that is no fault of the machine is raised again, as it is."""
    if fault.errno not in MACHINE_FAULTS:
        raise fault
    return StorageError(f"The machine refused: {fault}.", "Free space or correct permissions, then run again.")


@contextmanager
def machine_faults() -> Iterator[None]:
    """Raise StorageError where the machine fails the block."""
    try:
        yield
    except OSError as fault:
        raise storage_error_of(fault) from fault
