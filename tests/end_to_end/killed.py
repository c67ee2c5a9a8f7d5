"""A program: run a policy again and again, killed by signal 9 ever later, until a run comes to its end.

Every run is a fork of this process, which has imported the libraries once, on the same lake and home. On a folder
a run is killed at its n-th object: before the object has its name (a half-made file is left) or right after. Runs
on a bucket are killed by whoever stands before the store (`test_killed_on_s3.py`).
Prints one JSON line: how many runs were killed.

    python -m tests.end_to_end.killed POLICY LAKE SHARD_ROWS
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import signal
import sys
import threading
from pathlib import Path

from tests.end_to_end.helpers import go

MOMENTS = (1, 4, 9, 17, 23, 31)
MOST_RUNS = 40
LIBRARIES = (
    "deltalake",
    "great_expectations",
    "sklearn.svm",
    "scipy.sparse.csgraph",
    "pandas",
    "cv2",
    "albumentations",
)


def arm(moment: int, before: bool) -> None:
    """Let this process be killed at the given number of objects put in place."""
    counter, lock, place, link = itertools.count(1), threading.Lock(), os.replace, os.link

    def counted(put):
        def put_or_die(source, target, **more):
            with lock:
                last = next(counter) == moment
            if last and before:
                os.kill(os.getpid(), signal.SIGKILL)
            put(source, target, **more)
            if last:
                os.kill(os.getpid(), signal.SIGKILL)

        return put_or_die

    os.replace, os.link = counted(place), counted(link)


def main() -> None:
    """See the module."""
    policy, lake, shard_rows = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    for name in LIBRARIES:
        importlib.import_module(name)
    for killed, moment in enumerate(itertools.islice(itertools.cycle(MOMENTS), MOST_RUNS)):
        child = os.fork()
        if child == 0:
            if not lake.startswith("s3://"):
                arm(moment, before=killed % 2 == 0)
            go(policy, lake, shard_rows=shard_rows)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            print(json.dumps({"killed": killed}))
            return
        if code != -signal.SIGKILL:
            sys.exit(f"a run ended by itself with {code}")
    sys.exit(f"{MOST_RUNS} runs were not enough")


if __name__ == "__main__":
    main()
