"""Runs on a bucket killed by signal 9 at one write after another: the rerun ends with the rows of an undisturbed run.

The run talks to a real store through a proxy of this process. At the write that the plan names the proxy kills it,
and then either forwards the write or does not, so that the store has it or not: what a death at that moment leaves.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from augmill.tasks.rows.provenance import ORIGIN, SPLIT
from augmill.tasks.storage import channels
from augmill.tasks.storage.store import Store
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import (
    DATASET,
    NOISE,
    ROOT,
    SMOTE,
    environment,
    exactly,
    go,
    policy,
    table_of,
    table_rows,
    write_csv,
)
from tests.fixtures_s3 import S3Server
from tests.tasks.storage.unreliable import proxy

pytestmark = pytest.mark.s3

Death = tuple[str, int, bool]
"""A run dies at the n-th write to a path that holds the text; whether the store then has what was written."""

COMMIT: list[Death] = [("/_delta_log/", 1, False), ("/_delta_log/", 1, True)]
FIRST: list[Death] = [
    ("", 1, False),
    ("made/work/", 7, True),
    (f"/{SPLIT}=train/{ORIGIN}=real/", 1, True),
    ("made/work/children/", 1, False),
    (f"/{ORIGIN}=augmented/", 1, True),
    *COMMIT,
    ("/.datasets/", 1, False),
    ("/channels/", 1, True),
]
SECOND: list[Death] = [(f"/{ORIGIN}=synthetic/", 1, False), *COMMIT, ("/channels/", 1, False)]
SHORT = ([("made/work/", 7, True), COMMIT[1]], [("/channels/", 1, False)])
"""Those that have tripped a rerun before."""


@dataclass
class Reaper:
    """Kills the run that `program` has under way, at the deaths planned, in their order."""

    plan: list[Death]
    program: subprocess.Popen | None = None
    seen: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, method: str, _: int, path: str) -> str:
        with self.lock:
            run = self.under_way() if method == "PUT" and self.plan else None
            if run is None or self.plan[0][0] not in path:
                return "pass"
            self.seen += 1
            if self.seen < self.plan[0][1]:
                return "pass"
            stored, self.seen = self.plan.pop(0)[2], 0
            run.kill()
            return "lose" if stored else "drop"

    def under_way(self) -> psutil.Process | None:
        """The run, unless it is dead: what its other thread had sent arrives all the same."""
        runs = psutil.Process(self.program.pid).children()
        return next((run for run in runs if run.status() != psutil.STATUS_ZOMBIE), None)


@pytest.fixture
def killed(aws: S3Server, s3: Store, tmp_path: Path) -> Iterator[Callable[[Path, list[Death]], int]]:
    """A function: run the policy, again and again, with these deaths on the way; how many runs were killed."""
    with contextlib.ExitStack() as stack:

        def run(file: Path, plan: list[Death]) -> int:
            reaper = Reaper(list(plan))
            endpoint = stack.enter_context(proxy(aws.endpoint, reaper))
            reaper.program = subprocess.Popen(
                [sys.executable, "-m", "tests.end_to_end.killed", str(file), s3.uri, "20"],
                env=environment(tmp_path / "home", AWS_ENDPOINT_URL=endpoint),
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            out, err = reaper.program.communicate()
            assert reaper.program.returncode == 0, err
            assert reaper.plan == [], "the run never came there"
            return json.loads(out)["killed"]

        yield run


@pytest.mark.parametrize("plans", [SHORT, pytest.param((FIRST, SECOND), marks=pytest.mark.slow)], ids=["few", "all"])
def test_runs_on_a_bucket_killed_at_any_write_leave_nothing_that_trips_the_next(
    killed, s3: Store, tmp_path: Path, plans: tuple[list[Death], list[Death]]
):
    first, second = plans
    for number in range(3):
        write_csv(tmp_path / "data" / f"{number}.csv", table_rows(number * 20, 20))
    file = policy(tmp_path, "data/*.csv", SMOTE + NOISE, publish="{channel: stable}")
    assert killed(file, first) == len(first)
    go(file, tmp_path / "lake", shard_rows=20)
    file.write_text(file.read_text() + "seed: 1\n")
    assert killed(file, second) == len(second)
    go(file, tmp_path / "lake", shard_rows=20)

    assert table_of(s3.uri).versions() == [0, 1]
    for version in (0, 1):
        assert exactly(s3.uri, version) == exactly(tmp_path / "lake", version)
    assert Lake(s3).datasets() == [DATASET]
    moves = channels.history(s3.sub(".augmill", DATASET, "channels"), "stable")
    assert [move.version for move in moves] == [1, 0]
    assert names(s3) == names(Store(str(tmp_path / "lake")))


def names(lake: Store) -> set[str]:
    """Every object there is, but for signs of life: those of the killed trip nobody, and go with the next vacuum."""
    return {entry.name for entry in lake.list() if "/live/" not in entry.name}
