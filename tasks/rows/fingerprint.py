"""What the bytes of a row depend on besides policy and data: library versions and the processor's instruction sets.

Without AVX2, OpenCV gives other bytes for affine, perspective, rotate and colour jitter, so machines with different
fingerprints must not work on the same version.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# OpenBLAS comes inside the wheels of numpy and scipy, so their versions name it too.
LIBRARIES = (
    "albumentations",
    "imbalanced-learn",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "pyarrow",
    "scikit-learn",
    "scipy",
)
INSTRUCTION_SETS = ("sse4_1", "sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "asimd", "sve")


@cache
def _facts() -> tuple[tuple[str, str], ...]:
    facts = {"python": f"{sys.version_info.major}.{sys.version_info.minor}", "cpu": platform.machine() + _cpu_flags()}
    return tuple(sorted({**facts, **{name: _version(name) for name in LIBRARIES}}.items()))


def fingerprint() -> dict[str, str]:
    """The facts by name, sorted; `absent` where a library is not installed. Takes milliseconds, imports nothing."""
    return dict(_facts())


def fingerprint_hash() -> str:
    """Sixteen hexadecimal digits: a hash of the whole fingerprint."""
    return hashlib.sha256(repr(_facts()).encode()).hexdigest()[:16]


def differences(current: dict[str, str], recorded: dict[str, str]) -> list[str]:
    """The differences, one sentence each, with the recorded value first: `numpy is 2.1.0 there and 2.2.0 here`."""
    names = sorted(current.keys() | recorded.keys())
    return [
        f"{name} is {recorded.get(name, 'absent')} there and {current.get(name, 'absent')} here"
        for name in names
        if current.get(name) != recorded.get(name)
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _cpu_flags() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
    lines = (line for line in text.splitlines() if line.startswith(("flags", "Features")))
    flags = set(next(lines, "").split())
    return "".join(f"+{flag}" for flag in INSTRUCTION_SETS if flag in flags)
