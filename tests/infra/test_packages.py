"""The programs that tests start: installed where that can be done; else said, in time, and never an error."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / ".ci" / "packages"
CALLED = ("bash", "cat", "chmod", "rm", "sleep", "sort", "timeout")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder as PATH, with nothing but what the script calls; its user is root. What apt-get does is up to a test."""
    for name in CALLED:
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    program(tmp_path / "id", "echo 0")
    return tmp_path


def program(file: Path, body: str) -> None:
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def installed(machine: Path, seconds: int = 60) -> str:
    """What the script says on that machine; it must leave nothing behind that keeps services from starting."""
    script = PROGRAM.read_text().replace("/usr/sbin/policy-rc.d", str(machine / "policy"))
    (machine / "script").write_text(script.replace("/usr/lib/postgresql/15/bin/", f"{machine}/"))
    done = subprocess.run(
        [machine / "bash", machine / "script", str(seconds)],
        env={"PATH": str(machine)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not (machine / "policy").exists()
    return done.stdout


def test_what_is_missing_is_installed_with_no_service_started(machine: Path):
    names = "promtool prometheus prometheus-pushgateway prometheus-alertmanager amtool prometheus-node-exporter"
    lines = f"for name in {names} chromium initdb; do echo > {machine}/$name; chmod +x {machine}/$name; done"
    program(machine / "apt-get", f'echo "$@" >> {machine}/calls; cat {machine}/policy >> {machine}/calls; {lines}')
    assert installed(machine) == "every program is here\n"
    calls = (machine / "calls").read_text()
    assert "update" in calls
    assert "exit 101" in calls
    # Once they are here, nothing is asked of anybody.
    assert installed(machine) == "every program is here\n"
    assert (machine / "calls").read_text() == calls


def test_a_mirror_that_does_not_answer_holds_nothing_up(machine: Path):
    program(machine / "apt-get", "exec sleep 1000")
    began = time.monotonic()
    assert "not here, so its tests skip: chromium postgresql-15 prometheus" in installed(machine, seconds=2)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("without", ["root", "apt-get"])
def test_where_nothing_can_be_installed_that_is_said(machine: Path, without: str):
    program(machine / "apt-get", f"echo > {machine}/called")
    if without == "root":
        program(machine / "id", "echo 1000")
    else:
        (machine / "apt-get").unlink()
    assert "not here, so its tests skip: chromium" in installed(machine)
    assert not (machine / "called").exists()
