"""Whether this machine is suitable: Python, the versions of libraries, the processor, the clock."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from augmill.flows.health_answer import Answer, fail, ok, warn
from augmill.flows.settings import Settings

UNSYNCHRONIZED = 5  # TIME_ERROR of adjtimex(2)
OLDEST_PYTHON = (3, 11)


def check(current: Settings) -> Iterator[Answer]:  # noqa: ARG001
    """The checks that need no connection."""
    yield _python()
    yield _versions()
    yield _processor()
    yield from _clock()


def _python() -> Answer:
    installed = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        return fail("Python", installed, "Install Python 3.11.", "settings")
    return ok("Python", installed)


def _versions() -> Answer:
    """Compare what is installed with the ranges that augmill asks for."""
    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(line) for line in requires("augmill") or ()]
    except PackageNotFoundError:
        return warn("libraries", "augmill is not installed here, so nobody knows what it asks for", "pip install it.")
    wrong = []
    for requirement in requirements:
        if requirement.marker is None or requirement.marker.evaluate():
            try:
                if not requirement.specifier.contains(version(requirement.name), prereleases=True):
                    wrong.append(f"{requirement.name} is {version(requirement.name)}, wanted {requirement.specifier}")
            except PackageNotFoundError:
                wrong.append(f"{requirement.name} is missing")
    if wrong:
        return fail("libraries", "; ".join(wrong), "Install requirements.txt again.", "settings")
    return ok("libraries", f"{len(requirements)} within the ranges that augmill {version('augmill')} asks for")


def _processor() -> Answer:
    from augmill.tasks.rows.fingerprint import fingerprint, fingerprint_hash

    return ok(
        "processor", f"{fingerprint()['cpu'].split(' ')[0]}; fingerprint {fingerprint_hash()}, on all workers the same"
    )


def _clock() -> Iterator[Answer]:
    """Ask the kernel, where it allows it, whether its clock is synchronized."""
    if Path("/run/systemd/timesync/synchronized").exists():
        yield ok("clock", "kept by NTP")
        return
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))  # modes 0: changes nothing
    except (OSError, AttributeError):
        return
    if state == UNSYNCHRONIZED:
        remedy = (
            "Run chrony or systemd-timesyncd: schedules fire by the clock, and S3 refuses us when it is 15 min off."
        )
        yield warn("clock", "nobody keeps it right", remedy)
    elif state >= 0:
        yield ok("clock", "kept by NTP")
