"""A process is known by its number and when it started, and nothing else is ever sent a signal."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from augmill.flows.config.process_identity import MARK, end, identity, processes_with_mark, send, variable_values

SLEEP = [sys.executable, "-c", "print(flush=True); import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)",
]


def started(command, **environment):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **environment})
    process.stdout.readline()
    return process


def test_a_process_is_alive_until_it_ends_and_not_while_nobody_has_collected_it():
    process = started(SLEEP)
    found = identity(process.pid)
    assert found.pid == process.pid
    assert found.alive
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not found.alive
    process.communicate()
    assert identity(process.pid) is None


def test_a_number_that_was_given_again_is_left_alone():
    with started(SLEEP) as process:
        earlier = replace(identity(process.pid), started=1)
        before_boot = replace(identity(process.pid), boot="another")
        assert not earlier.alive
        assert not before_boot.alive
        assert end([earlier, before_boot], 0.1) == []
        send(earlier, signal.SIGKILL)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.kill()


def test_marked_processes_are_found_and_no_others_and_not_ourselves():
    mine = started(SLEEP, **{MARK: "abc"})
    other = started(SLEEP, **{MARK: "abcd"})
    assert [found.pid for found in processes_with_mark("abc")] == [mine.pid]
    for process in (mine, other):
        process.kill()
        process.communicate()


def test_who_does_not_end_when_asked_is_killed():
    stubborn, willing = started(STUBBORN), started(SLEEP)
    killed = end([identity(stubborn.pid), identity(willing.pid)], 0.5)
    assert [one.pid for one in killed] == [stubborn.pid]
    assert stubborn.wait(30) == -signal.SIGKILL
    assert willing.wait(30) == -signal.SIGTERM
    stubborn.communicate()
    willing.communicate()


def test_a_variable_is_found_in_all_processes_or_in_those_of_a_stack():
    mine = started(SLEEP, **{MARK: "abc", "TRIAL_RUN": "1"})
    other = started(SLEEP, TRIAL_RUN="2=3")
    assert sorted(variable_values("TRIAL_RUN")) == ["1", "2=3"]
    assert list(variable_values("TRIAL_RUN", "abc")) == ["1"]
    for process in (mine, other):
        process.kill()
        process.communicate()
