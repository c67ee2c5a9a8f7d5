"""Which lake and which version a call means: a name, or a name with a version or a channel beside it."""

from __future__ import annotations

import os

from augmill.flows.settings import settings
from augmill.policies.errors import PolicyError
from augmill.tasks.storage.store import Store
from augmill.tasks.versions.versions import Lake

LakePath = str | os.PathLike[str]


def open_lake(lake: LakePath | None) -> Lake:
    """The lake at a folder or an `s3://` URI; by default the one of the settings.

    Unlike the commands it leaves the environment as it is: the program that reads is not ours.
    """
    current = settings()  # reads .env, in which the variables of AWS may stand
    return Lake(Store(current.lake if lake is None else os.fspath(lake)))


def reference_of(name: str, version: int | None, channel: str | None) -> str:
    """The call as one name, `DATASET`, `DATASET@VERSION` or `DATASET@CHANNEL`; PolicyError if it says two things."""
    arguments = {"version": version, "channel": channel}
    passed = [f"{key}={value!r}" for key, value in arguments.items() if value is not None]
    if len(passed) + ("@" in name) > 1:
        raise PolicyError(
            f"one version can be read at a time; received {', '.join([repr(name), *passed])}.",
            "Name the version once: DATASET@VERSION or DATASET@CHANNEL, version=, or channel=.",
        )
    if version is not None and (isinstance(version, bool) or not isinstance(version, int) or version < 0):
        raise PolicyError(f"version must be a whole number of at least 0; it is {version!r}.", "Pass one, as in 3.")
    if channel is not None and (not isinstance(channel, str) or channel.isdecimal()):
        raise PolicyError(f"channel must be a name; it is {channel!r}.", "Pass one, as in 'stable', or version=.")
    return name if not passed else f"{name}@{version if channel is None else channel}"
