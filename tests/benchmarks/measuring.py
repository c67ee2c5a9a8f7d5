"""Run whole processes and read their time and memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
CLI = "import sys; from augmill.flows.cli import main; sys.exit(main())"
Line = tuple[str, str, str, str, str, str]


@contextmanager
def home(**more: str) -> Iterator[dict[str, str]]:
    """An environment with a fresh augmill home and no server."""
    with tempfile.TemporaryDirectory(prefix="augmill-bench-") as folder:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AUGMILL_", "PREFECT_", "MLFLOW_"))}
        yield {
            **clean,
            "AUGMILL_HOME": folder,
            "PYTHONPATH": f"{ROOT}:{ROOT}/infra/checkout",
            "NO_ALBUMENTATIONS_UPDATE": "1",
            **more,
        }


def output(arguments: Sequence[str], environment: dict[str, str]) -> str:
    """What a Python process prints; raises with what it said if it fails."""
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        said = done.stdout[-2000:] + done.stderr[-2000:]
        raise RuntimeError(f"{arguments} ended with {done.returncode}: {said}")
    return done.stdout


def python(code: str, environment: dict[str, str], arguments: Sequence[str] = ()) -> float:
    """Seconds of a whole Python process."""
    began = time.perf_counter()
    output(["-c", code, *arguments], environment)
    return time.perf_counter() - began


def cli(environment: dict[str, str], *arguments: str) -> float:
    """Seconds of one whole `augmill` command."""
    return python(CLI, environment, arguments)


@contextmanager
def peak_memory() -> Iterator[dict[str, float]]:
    """The largest resident size, in GiB, of any single child process while inside; sampled 20 times a second."""
    found = {"gib": 0.0}
    stop = threading.Event()

    def watch() -> None:
        me = psutil.Process()
        while not stop.wait(0.05):
            for child in me.children(recursive=True):
                try:
                    found["gib"] = max(found["gib"], child.memory_info().rss / 2**30)
                except psutil.Error:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def own_peak_gib() -> float:
    """The largest resident size of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def line(what: str, measured: float, yardstick: float | None, bar: str, met: bool, unit: str = "s") -> Line:
    """One line of the table."""
    ratio = f"{measured / yardstick:.2f}" if yardstick else ""
    beside = f"{yardstick:.2f} {unit}" if yardstick else ""
    return (what, f"{measured:.2f} {unit}", beside, ratio, bar, "yes" if met else "NO")
