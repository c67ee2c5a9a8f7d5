"""What takes too long is left to itself, and whatever it does then, the process ends as it was to end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from augmill.flows.timeouts import run_with_timeout

ROOT = Path(__file__).resolve().parents[2]
# Arrow calls back into Python from C++ half a second later, when this process is at its end.
LEFT = """
import io, sys, time
import pyarrow as pa, pyarrow.csv
from augmill.flows.timeouts import end_process, run_with_timeout

class Slow(io.RawIOBase):
    left = [b"a\\n1\\n"]
    def readable(self): return True
    def read(self, size=-1):
        time.sleep(0.5)
        return self.left.pop() if self.left else b""

try:
    run_with_timeout(0.1, lambda: pyarrow.csv.read_csv(pa.PythonFile(Slow(), mode="r")))
except TimeoutError:
    print("given up")
{end}
"""


def test_what_answers_in_time_is_returned_or_raised_and_what_does_not_is_given_up():
    assert run_with_timeout(60.0, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        run_with_timeout(60.0, lambda: 1 / 0)
    ended, waiting = os.pipe()
    with pytest.raises(TimeoutError, match=r"no answer in 0.1 s"):
        run_with_timeout(0.1, lambda: os.read(ended, 1))
    os.close(waiting)


@pytest.mark.parametrize("end", ["end_process(3)", "sys.exit(3)"])
def test_a_process_that_left_a_library_to_itself_ends_with_its_own_exit_code(end):
    done = subprocess.run(
        [sys.executable, "-c", LEFT.replace("{end}", end)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/infra/checkout"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "given up\n", "")
